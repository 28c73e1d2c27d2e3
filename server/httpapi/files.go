package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"anxin/engine"
)

// fileTimeout is for reading a settlement file, and again for storing its rows: 50 MiB
// in two minutes is what an office line uploads.
const fileTimeout = 2 * time.Minute

// admitFiles lets an operator, and nobody else, send a body as large as a settlement
// file. Who the client is has to be known before its body is read into memory.
func (a *api) admitFiles(app *fiber.App) {
	app.Server().HeaderReceived = func(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
		path, _, _ := bytes.Cut(h.RequestURI(), []byte{'?'})
		if string(h.Method()) != http.MethodPost || string(path) != settlementsPath {
			return fasthttp.RequestConfig{}
		}
		if _, ok := a.deps.Operators.Name(credentialOf(string(h.Peek(fiber.HeaderAuthorization)))); !ok {
			return fasthttp.RequestConfig{}
		}
		return fasthttp.RequestConfig{ReadTimeout: fileTimeout, MaxRequestBodySize: engine.MaxSettlement}
	}
}
