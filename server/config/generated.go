package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// generated are the secrets that the server made for itself, so that links and
// signatures still hold after a restart.
type generated struct {
	TokenSecret    string `json:"token_secret"`
	ContactSecret  string `json:"contact_secret"`
	SandboxChannel string `json:"sandbox_channel_secret"`
	SandboxWebhook string `json:"sandbox_webhook_secret"`
	SandboxAPIKey  string `json:"sandbox_api_key"`
	SandboxPush    string `json:"sandbox_push_key"`
}

// fillSecrets generates what nobody has set and only this server needs to know.
func (c *Config) fillSecrets() error {
	if len(c.TokenSecrets) > 0 && len(c.ContactSecrets) > 0 && !c.Sandbox.On {
		return nil
	}
	g, err := loadGenerated(c.DataDir)
	if err != nil {
		return err
	}
	if len(c.TokenSecrets) == 0 {
		c.TokenSecrets = []Secret{NewSecret(g.TokenSecret)}
	}
	if len(c.ContactSecrets) == 0 {
		c.ContactSecrets = []Secret{NewSecret(g.ContactSecret)}
	}
	if c.Sandbox.On {
		c.fillSandbox(g)
	}
	return nil
}

// fillSandbox gives the sandbox's shop an api key and a webhook. With the default keys
// it shares the key "dev" with scripts, else it has a backend of its own.
func (c *Config) fillSandbox(g generated) {
	c.Sandbox.ChannelSecret, c.Sandbox.WebhookSecret = NewSecret(g.SandboxChannel), NewSecret(g.SandboxWebhook)
	c.Sandbox.PushKey = NewSecret(g.SandboxPush)
	c.Sandbox.Backend, c.Sandbox.APIKey = sandboxShop, NewSecret(g.SandboxAPIKey)
	if len(c.APIKeys) == 1 && c.APIKeys[0].Key.Reveal() == devAPIKey {
		c.Sandbox.Backend, c.Sandbox.APIKey = c.APIKeys[0].Name, c.APIKeys[0].Key
	} else {
		c.APIKeys = append(c.APIKeys, APIKey{Name: sandboxShop, Key: c.Sandbox.APIKey})
	}
	if _, taken := c.Backends[c.Sandbox.Backend]; !taken {
		c.Backends[c.Sandbox.Backend] = Backend{
			WebhookURL:   c.PublicURL + "/sandbox/backend/webhook",
			Secrets:      []Secret{c.Sandbox.WebhookSecret},
			AllowPrivate: true, // it is this server
		}
	}
}

func loadGenerated(dir string) (generated, error) {
	path := filepath.Join(dir, "secrets.json")
	g, err := readGenerated(path)
	if err != nil {
		return generated{}, err
	}
	if g == complete(g) {
		return g, nil
	}
	g = complete(g)
	return g, writeGenerated(path, g)
}

func readGenerated(path string) (generated, error) {
	var g generated
	content, err := os.ReadFile(path) // #nosec G304 -- within the data folder
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return g, nil
	case err != nil:
		return g, fmt.Errorf("read: %w", err)
	}
	if err := json.Unmarshal(content, &g); err != nil {
		return generated{}, fmt.Errorf("%s is damaged: delete it to make new secrets", path) // the cause would quote it
	}
	return g, nil
}

// complete adds what an earlier version did not have or what is too short to be safe.
func complete(g generated) generated {
	for _, s := range []*string{&g.TokenSecret, &g.ContactSecret, &g.SandboxChannel, &g.SandboxAPIKey} {
		if len(*s) < minTokenKey {
			*s = base64.RawURLEncoding.EncodeToString(randomBytes())
		}
	}
	if !validWebhookSecret(g.SandboxWebhook) {
		g.SandboxWebhook = "whsec_" + base64.StdEncoding.EncodeToString(randomBytes())
	}
	if block, _ := pem.Decode([]byte(g.SandboxPush)); block == nil {
		g.SandboxPush = newPushKey()
	}
	return g
}

// newPushKey makes the key that browsers subscribe with, in PEM.
func newPushKey() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // never fails since Go 1.24
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic(err) // it was just made
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func randomBytes() []byte {
	b := make([]byte, generatedLen)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

// writeGenerated replaces the file whole, so that a crash leaves the old or the new one.
func writeGenerated(path string, g generated) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create data folder: %w", err)
	}
	content, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "secrets-*.json") // mode 0600
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = f.Write(append(content, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write: %w", err), os.Remove(f.Name()))
	}
	return nil
}
