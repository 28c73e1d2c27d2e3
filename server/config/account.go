package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Account holds a provider's own keys of one channel: `channels.NAME.account` of the file.
// What the keys are, the provider's entry in the server knows. A value is text, or names
// where it is: env:NAME in the environment, file:PATH in a file.
type Account struct {
	setting string
	values  map[string][]value
}

// Format hides what the account holds from every verb.
func (a Account) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.setting+" "+redacted) }

// value is one entry of an account; a key may have several.
type value struct {
	kind   valueKind
	text   string // inline text
	path   string // of a file
	secret Secret // of the environment
}

type valueKind int

const (
	inline valueKind = iota
	fromEnv
	fromFile
)

var (
	accountKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	envName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
)

// maxCredential bounds a credential file: a bundle of certificates has some 10 KiB.
const maxCredential = 256 << 10

// readAccount takes the keys out of the file and resolves what is in the environment.
// Paths are relative to dir, the folder of the file.
func readAccount(setting, dir string, keys map[string]yaml.Node, getenv func(string) string, p *problems) Account {
	a := Account{setting: setting + ".account", values: make(map[string][]value, len(keys))}
	for key, node := range keys {
		if !accountKey.MatchString(key) {
			p.add(a.setting, "%q is not a key of lower-case letters, digits and _", key)
			continue
		}
		nodes := []*yaml.Node{&node}
		if node.Kind == yaml.SequenceNode {
			nodes = node.Content
		}
		for _, n := range nodes {
			if n.Kind != yaml.ScalarNode {
				p.add(a.setting+"."+key, "must be a value or a list of values")
				continue
			}
			v, reason := readValue(n.Value, dir, getenv)
			if reason != "" {
				p.add(a.setting+"."+key, "%s", reason)
			}
			a.values[key] = append(a.values[key], v)
		}
	}
	return a
}

func readValue(text, dir string, getenv func(string) string) (v value, reason string) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		if !envName.MatchString(name) {
			return v, "must name a variable after env:"
		}
		secret := strings.TrimSpace(getenv(name))
		if secret == "" {
			return v, fmt.Sprintf("needs the variable %s of the environment, which is not set", name)
		}
		return value{kind: fromEnv, secret: NewSecret(secret)}, ""
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		if path == "" {
			return v, "must name a file after file:"
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		return value{kind: fromFile, path: path}, ""
	}
	return value{kind: inline, text: text}, ""
}

// Reader reads an account once, its files through read. Each method notes what is wrong
// and returns a zero value; Err tells all of it, the keys that nobody asked for included.
func (a Account) Reader(read func(path string) ([]byte, error)) *AccountReader {
	return &AccountReader{account: a, read: read, asked: make(map[string]bool)}
}

// AccountReader reads one account.
type AccountReader struct {
	account  Account
	read     func(path string) ([]byte, error)
	asked    map[string]bool
	problems problems
}

// Has reports whether a key is there.
func (r *AccountReader) Has(key string) bool {
	r.asked[key] = true
	return len(r.account.values[key]) > 0
}

// Text reads a value that is no secret, and must be there.
func (r *AccountReader) Text(key string) string { return r.one(key, false) }

// TextOr reads a value that is no secret, or returns what holds without it.
func (r *AccountReader) TextOr(key, without string) string {
	if !r.Has(key) {
		return without
	}
	return r.Text(key)
}

// Texts reads a list of values that are no secrets; it may be empty.
func (r *AccountReader) Texts(key string) []string { return r.list(key, false) }

// Secret reads a secret: it must be there, and not in the configuration file itself.
func (r *AccountReader) Secret(key string) string { return r.one(key, true) }

// Secrets reads a list of secrets; it may be empty.
func (r *AccountReader) Secrets(key string) []string { return r.list(key, true) }

// URL reads an https address, or http of a loopback address, or returns what holds
// without it.
func (r *AccountReader) URL(key, without string) string {
	text := r.TextOr(key, without)
	if text == "" || text == without {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || !webURL(u) || (u.Scheme == "http" && !loopback(u.Hostname())) {
		r.fail(key, "must be an https address; http is for loopback addresses")
	}
	return strings.TrimRight(text, "/")
}

// Flag reads true or false; without the key it is false.
func (r *AccountReader) Flag(key string) bool {
	switch r.TextOr(key, "false") {
	case "true":
		return true
	case "false":
	default:
		r.fail(key, "must be true or false")
	}
	return false
}

func (r *AccountReader) one(key string, secret bool) string {
	if !r.Has(key) {
		r.fail(key, "must be set")
		return ""
	}
	list := r.list(key, secret)
	if len(list) != 1 {
		r.fail(key, "must be one value")
		return ""
	}
	return list[0]
}

func (r *AccountReader) list(key string, secret bool) []string {
	r.asked[key] = true
	var list []string
	for _, v := range r.account.values[key] {
		list = append(list, r.text(key, v, secret))
	}
	return list
}

func (r *AccountReader) text(key string, v value, secret bool) string {
	switch v.kind {
	case fromEnv:
		return v.secret.Reveal()
	case fromFile:
		content, err := r.read(v.path)
		text := strings.TrimSpace(string(content))
		switch {
		case err != nil:
			r.fail(key, "cannot be read: %v", err)
		case text == "":
			r.fail(key, "names an empty file")
		}
		return text
	case inline:
		switch {
		case v.text == "":
			r.fail(key, "must not be empty")
		case secret:
			r.fail(key, "must be env:NAME or file:PATH: secrets do not belong into the file itself")
			return ""
		}
	}
	return v.text
}

func (r *AccountReader) fail(key, format string, args ...any) {
	r.problems.add(r.account.setting+"."+key, format, args...)
}

// Err returns an *Error with everything that is wrong so far, or nil.
func (r *AccountReader) Err() error {
	all := r.problems
	for _, key := range slices.Sorted(maps.Keys(r.account.values)) {
		if !r.asked[key] {
			all.add(r.account.setting+"."+key, "is not a key of this provider")
		}
	}
	slices.Sort(all.list)
	all.list = slices.Compact(all.list)
	return all.err()
}

var errCredentialSize = errors.New("it is larger than 256 KiB")

// ReadCredential reads a credential file.
func ReadCredential(path string) ([]byte, error) {
	f, err := os.Open(path) // #nosec G304 -- the operator names the file
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	content, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err == nil && len(content) > maxCredential {
		err = errCredentialSize
	}
	return content, err
}
