package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// Key lets one backend in. Several keys may carry the same name.
type Key struct {
	Name  string
	Value string
}

// Keys knows the api keys by their digests only.
type Keys struct {
	names   []string
	digests [][sha256.Size]byte
}

// NewKeys refuses a key without name or value.
func NewKeys(keys []Key) (*Keys, error) {
	k := &Keys{}
	for _, key := range keys {
		if key.Name == "" || key.Value == "" {
			return nil, errors.New("an api key needs a name and a value")
		}
		k.names = append(k.names, key.Name)
		k.digests = append(k.digests, sha256.Sum256([]byte(key.Value)))
	}
	return k, nil
}

// Name returns whose key was presented. It compares with all of them in constant time,
// so that the time taken tells neither whether nor where one matched.
func (k *Keys) Name(presented string) (string, bool) {
	digest := sha256.Sum256([]byte(presented))
	found := -1
	for i := range k.digests {
		match := subtle.ConstantTimeCompare(digest[:], k.digests[i][:])
		found = subtle.ConstantTimeSelect(match, i, found)
	}
	if found < 0 {
		return "", false
	}
	return k.names[found], true
}
