package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"anxin/frontend"
)

// shot is a way of looking at a page.
type shot struct {
	folder string
	width  int64
	scheme string
}

var shots = []shot{{"390-light", 390, "light"}, {"390-dark", 390, "dark"}, {"1280-light", 1280, "light"}}

// photograph writes each page as a picture, and an index of all pictures.
func photograph(pages map[string][]byte, csp, out string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: serve(pages, csp), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, "gallery:", err)
		}
	}()

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	names := slices.Sorted(maps.Keys(pages))
	for _, s := range shots {
		if err := take(ctx, s, "http://"+listener.Addr().String(), names, out); err != nil {
			return err
		}
	}
	return index(names, out)
}

func serve(pages map[string][]byte, csp string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", csp)
		name := path.Base(r.URL.Path)
		if body, contentType, ok := frontend.Asset(name); ok {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body) //nolint:gosec // a file of this repository
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(pages[name])
	})
}

// drawn is true once a page's script, where it has one, has drawn what it adds.
const drawn = `!document.querySelector('#anxin-state') || !!document.querySelector('[data-live]')`

func take(ctx context.Context, s shot, base string, names []string, out string) error {
	folder := filepath.Join(out, s.folder)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	media := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}
	if err := chromedp.Run(ctx, chromedp.EmulateViewport(s.width, 844), emulation.SetEmulatedMedia().WithFeatures(media)); err != nil {
		return fmt.Errorf("set up %s: %w", s.folder, err)
	}
	for _, name := range names {
		var picture []byte
		if err := chromedp.Run(ctx, chromedp.Navigate(base+"/"+name), chromedp.Poll(drawn, nil), chromedp.FullScreenshot(&picture, 100)); err != nil {
			return fmt.Errorf("photograph %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600); err != nil {
			return fmt.Errorf("write picture: %w", err)
		}
	}
	return sheets(folder, int(s.width), names, folder)
}

// index shows all pictures beside each other.
func index(names []string, out string) error {
	var b strings.Builder
	b.WriteString("<!doctype html><meta charset=utf-8><style>figure{display:inline-block;vertical-align:top;margin:8px}img{width:260px}</style>\n")
	for _, s := range shots {
		fmt.Fprintf(&b, "<h2>%s</h2>\n", s.folder)
		for _, name := range names {
			fmt.Fprintf(&b, "<figure><figcaption>%s</figcaption><img src=%s/%s.png></figure>\n", name, s.folder, name)
		}
	}
	if err := os.WriteFile(filepath.Join(out, "index.html"), []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("write index: %w", err)
	}
	return nil
}
