// Package config turns the process environment and one optional YAML file into a
// validated Config. It is the only place that reads the environment.
//
// # Two kinds of installation
//
// A server that listens on a loopback address, and whose public URL is a loopback
// address too, is a development installation: the sandbox is on, the api key is "dev"
// and the secrets that nobody has set are made once and kept in the data folder. Any
// other server refuses to start until it has been given its api keys, its token secret
// and its public URL. A public name in front of a loopback listener is a reverse proxy
// in front of real payers, which is why the listen address alone does not decide.
//
// # Errors
//
// Load looks at everything before it complains: its *Error lists every problem with
// the name of the setting. No message repeats the value of a setting that may be
// secret.
package config
