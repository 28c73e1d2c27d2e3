package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
)

// How each engine is started; .ci/install brings them.

// oldChromium starts a build of that time.
func oldChromium(t *testing.T, version string) otherBrowser {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	home := homeFor(t)
	// One process: the sandbox and the zygote of that time do not run everywhere.
	b := launch(t, []string{"HOME=" + home}, filepath.Join(cache, "anxin", "chromium-"+version), "--headless", "--single-process", "--no-zygote", "--no-sandbox",
		"--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0", "--user-data-dir="+home, "about:blank")
	address := b.says(t, `DevTools listening on ws://([^/]+)/`)
	var tab string
	await(t, "a tab is open", func() bool {
		tab = firstTab(t, "http://"+address+"/json")
		return tab != ""
	})
	d := &devtools{dial(t, tab)}
	for _, domain := range []string{"Page", "Runtime", "Log"} {
		b.must(t, d.call(domain+".enable", nil, nil))
	}
	b.must(t, d.call("Emulation.setDeviceMetricsOverride", object{"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true}, nil))
	return d
}

// firstTab asks a Chromium for the address of the protocol of its only tab.
func firstTab(t *testing.T, url string) string {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var tabs []struct {
		Type string `json:"type"`
		URL  string `json:"webSocketDebuggerUrl"`
	}
	if json.NewDecoder(resp.Body).Decode(&tabs) != nil || len(tabs) == 0 || tabs[0].Type != "page" {
		return ""
	}
	return tabs[0].URL
}

// firefox starts Debian's.
func firefox(t *testing.T) otherBrowser {
	t.Helper()
	home := homeFor(t)
	b := launch(t, []string{"HOME=" + home}, "firefox-esr", "--headless", "--no-remote", "--profile", home, "--remote-debugging-port", "0", "about:blank")
	c := &bidi{wire: dial(t, "ws://"+b.says(t, `WebDriver BiDi listening on ws://(\S+)`)+"/session")}
	b.must(t, c.call("session.new", object{"capabilities": object{}}, nil))
	b.must(t, c.call("session.subscribe", object{"events": []string{"log.entryAdded"}}, nil))
	var tree struct {
		Contexts []struct {
			Context string `json:"context"`
		} `json:"contexts"`
	}
	b.must(t, c.call("browsingContext.getTree", object{}, &tree))
	c.tab = tree.Contexts[0].Context
	b.must(t, c.call("browsingContext.setViewport", object{"context": c.tab, "viewport": object{"width": 390, "height": 844}}, nil))
	return c
}

// webkit starts the small browser that comes with WebKitGTK, on a screen of its own.
func webkit(t *testing.T) otherBrowser {
	t.Helper()
	home := homeFor(t)
	screen := launch(t, []string{"HOME=" + home}, "Xvfb", "-displayfd", "2", "-screen", "0", "500x900x24", "-nolisten", "tcp")
	env := []string{"HOME=" + home, "DISPLAY=:" + screen.says(t, `(?m)^(\d+)$`), "GIO_USE_VFS=local", "GSETTINGS_BACKEND=memory"}
	host, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	b := launch(t, env, "WebKitWebDriver", "--host="+host, "--port="+port)
	d := &webdriver{"http://" + net.JoinHostPort(host, port)}
	await(t, "the driver is ready", func() bool { return d.call(http.MethodGet, "/status", nil, nil) == nil })
	var session struct {
		ID string `json:"sessionId"`
	}
	browser, err := filepath.Glob("/usr/lib/*/webkit*gtk-*/MiniBrowser")
	if err != nil || len(browser) == 0 {
		t.Fatal("run .ci/install: ", err)
	}
	b.must(t, d.call(http.MethodPost, "/session", object{"capabilities": object{"alwaysMatch": object{
		"webkitgtk:browserOptions": object{"binary": browser[0], "args": []string{"--automation"}},
	}}}, &session))
	d.base += "/session/" + session.ID
	// It becomes as narrow as its own buttons are.
	b.must(t, d.call(http.MethodPost, "/window/rect", object{"width": 390, "height": 844}, nil))
	t.Cleanup(func() { _ = d.call(http.MethodDelete, "", nil, nil) })
	return d
}

// launched is a program with those that it starts, and what it has said.
type launched struct{ said *logBuffer }

// launch starts a program, which ends with the test. Of the environment it gets what is
// given.
func launch(t *testing.T, env []string, name string, args ...string) launched {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: run .ci/install", err)
	}
	b, done := launched{&logBuffer{}}, make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			b.said.add(lines.Bytes())
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	})
	return b
}

// says waits for a line and returns what stands in its parentheses.
func (b launched) says(t *testing.T, pattern string) (part string) {
	t.Helper()
	line := regexp.MustCompile(pattern)
	defer func() {
		if part == "" {
			t.Log(b.said)
		}
	}()
	await(t, pattern, func() bool {
		found := line.FindStringSubmatch(b.said.String())
		if found != nil {
			part = found[1]
		}
		return found != nil
	})
	return part
}

// must ends a test whose browser does not do what it is told.
func (b launched) must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, b.said)
	}
}

// homeFor makes a folder that a browser takes for its user's. It is not one of the
// test's: a browser's helpers may still write there when the browser has ended.
func homeFor(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "anxin-engine")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	return home
}
