// Package frontend carries the built browser files inside the binary.
//
// The files under dist are made from the TypeScript and CSS beside them by
// `go run ./frontend/build`, committed, and held equal to their sources by that
// command's test. An asset's address contains the hash of its content, so that a
// browser may keep it for ever and a new build is never mixed with an old one.
package frontend

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

//go:embed dist
var dist embed.FS

// AssetPrefix is the path under which a server answers with Asset.
const AssetPrefix = "/assets/"

// hashDigits of SHA-256 tell builds apart; they protect against mixing, not against
// an attacker.
const hashDigits = 12

type asset struct {
	body        []byte
	contentType string
	hashed      string
}

// assets are the files of the build by name. They are as fixed as the binary.
var assets = mustLoad("page.js", "page.css", "legacy.js", "inbox.js", "inbox.css", "optin.js", "worker.js")

// Asset returns the body and media type of an asset by its hashed name, the last part
// of what URL returns. It may be cached as immutable. The body must not be changed.
func Asset(name string) (body []byte, contentType string, ok bool) {
	for _, a := range assets {
		if a.hashed == name {
			return a.body, a.contentType, true
		}
	}
	return nil, "", false
}

// URL returns the path of a built file ("page.js"), with the hash of its content.
// It returns "" for a file that is not part of the build.
func URL(file string) string {
	a, ok := assets[file]
	if !ok {
		return ""
	}
	return AssetPrefix + a.hashed
}

// CSS returns the payer page's style sheet, which the page carries inline: one request
// less before the first paint.
func CSS() string { return string(assets["page.css"].body) }

// InboxCSS is CSS for the message centre.
func InboxCSS() string { return string(assets["inbox.css"].body) }

// Worker returns the service worker, which shows messages that browsers are sent. It is
// served under an address that never changes, in the folder of the pages that it is for.
func Worker() []byte { return assets["worker.js"].body }

func mustLoad(files ...string) map[string]asset {
	loaded := make(map[string]asset, len(files))
	for _, file := range files {
		body, err := dist.ReadFile("dist/" + file)
		if err != nil {
			// The embedded files are fixed when the binary is compiled.
			panic(fmt.Sprintf("frontend: build lacks %s: %v", file, err))
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(file)
		loaded[file] = asset{
			body:        body,
			contentType: mediaType(ext),
			hashed:      strings.TrimSuffix(file, ext) + "." + hex.EncodeToString(sum[:])[:hashDigits] + ext,
		}
	}
	return loaded
}

func mediaType(ext string) string {
	if ext == ".css" {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}
