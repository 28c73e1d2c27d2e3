package config

import (
	"fmt"
	"io"
)

// Secret is a value that no log, error or dump may show: however it is printed or
// encoded, it reads "[redacted]". Reveal is the one way to its content.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

const redacted = "[redacted]"

// Reveal returns the content.
func (s Secret) Reveal() string { return s.value }

// String hides the content.
func (Secret) String() string { return redacted }

// GoString hides the content from %#v.
func (Secret) GoString() string { return redacted }

// Format hides the content from every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON hides the content.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText hides the content from text encodings, map keys and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
