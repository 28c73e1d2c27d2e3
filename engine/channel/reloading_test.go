package channel_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"anxin/engine/channel"
	"anxin/engine/order"
)

// keyed is an adapter made of two files that must match.
type keyed struct{ merchant, key string }

func (k keyed) Verify(context.Context, channel.Request) ([]channel.Notification, error) {
	return []channel.Notification{{OrderNo: k.key}}, nil
}
func (k keyed) Acknowledge(error) channel.Answer { return channel.Answer{Body: []byte(k.key)} }
func (k keyed) Query(context.Context, channel.Query) (order.Evidence, error) {
	return order.Evidence{Reason: k.key}, nil
}
func (k keyed) Close(context.Context, channel.Query) error { return errors.New(k.key) }
func (k keyed) Policy() channel.Policy                     { return channel.Policy{Merchant: k.merchant} }

func (k keyed) Inspect(time.Time) []channel.Finding { return []channel.Finding{{Subject: k.key}} }

// disk holds the files.
type disk struct {
	mu    sync.Mutex
	files map[string]string
}

func (d *disk) read(path string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	content, ok := d.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

func (d *disk) write(path, content string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if content == "" {
		delete(d.files, path)
	} else {
		d.files[path] = content
	}
}

func buildKeyed(read channel.ReadFile) (channel.Channel, error) {
	private, err := read("private")
	if err != nil {
		return nil, err
	}
	public, err := read("public")
	if err != nil {
		return nil, err
	}
	merchant, key, _ := strings.Cut(string(private), ":")
	if key != string(public) {
		return nil, errors.New("private and public do not match")
	}
	return keyed{merchant, key}, nil
}

// reloading runs a channel over files in synthetic time.
func reloading(t *testing.T, f func(t *testing.T, r *channel.Reloading, d *disk, log *strings.Builder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{files: map[string]string{"private": "m1:one", "public": "one"}}
		var text strings.Builder
		log := logrus.New()
		log.SetOutput(&text)
		r, err := channel.NewReloading(channel.ReloadConfig{Name: "pay", Build: buildKeyed, Read: d.read, Log: log})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		f(t, r, d, &text)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func wantKey(t *testing.T, r *channel.Reloading, want string) {
	t.Helper()
	notes, _ := r.Verify(t.Context(), channel.Request{})
	ev, _ := r.Query(t.Context(), channel.Query{})
	for what, got := range map[string]string{
		"Verify": notes[0].OrderNo, "Query": ev.Reason, "Close": r.Close(t.Context(), channel.Query{}).Error(), "Acknowledge": string(r.Acknowledge(nil).Body),
		"Inspect": r.Inspect(time.Now())[len(r.Inspect(time.Now()))-1].Subject,
	} {
		if got != want {
			t.Errorf("%s is by %q, want %q", what, got, want)
		}
	}
}

// stuck reports whether operators are told that the files hold what cannot be used.
func stuck(r *channel.Reloading) bool { return r.Inspect(time.Now())[0].Level == channel.LevelError }

func TestChangedFilesAreLoaded(t *testing.T) {
	t.Parallel()
	reloading(t, func(t *testing.T, r *channel.Reloading, d *disk, _ *strings.Builder) {
		wantKey(t, r, "one")
		d.write("private", "m1:two")
		d.write("public", "two")
		wait(channel.ReloadEvery)
		wantKey(t, r, "two")
		d.write("private", "m1:three")
		d.write("public", "three")
		r.Reload() // no need to wait
		r.Reload()
		synctest.Wait()
		wantKey(t, r, "three")
		if loaded, refused := r.Reloads(); loaded != 2 || refused != 0 || stuck(r) {
			t.Errorf("%d loaded, %d refused, stuck %v", loaded, refused, stuck(r))
		}
	})
}

func TestFilesHalfwayReplacedKeepTheOldCredentials(t *testing.T) {
	t.Parallel()
	reloading(t, func(t *testing.T, r *channel.Reloading, d *disk, log *strings.Builder) {
		d.write("private", "m1:two")
		wait(10 * channel.ReloadEvery)
		wantKey(t, r, "one")
		if _, refused := r.Reloads(); refused != 1 || !stuck(r) {
			t.Errorf("%d refused, stuck %v; the same bytes are to be tried once", refused, stuck(r))
		}
		if n := strings.Count(log.String(), "cannot be used"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		d.write("public", "two")
		wait(channel.ReloadEvery)
		wantKey(t, r, "two")
		if loaded, _ := r.Reloads(); loaded != 1 || stuck(r) {
			t.Errorf("%d loaded, stuck %v", loaded, stuck(r))
		}
		d.write("public", "")
		wait(channel.ReloadEvery)
		wantKey(t, r, "two")
		d.write("public", "two") // back as it was: nothing is wrong any more
		wait(channel.ReloadEvery)
		if stuck(r) {
			t.Error("files that are as they were count as refused")
		}
	})
}

func TestAnotherMerchantsCredentialsAreNotTaken(t *testing.T) {
	t.Parallel()
	reloading(t, func(t *testing.T, r *channel.Reloading, d *disk, _ *strings.Builder) {
		d.write("private", "m2:one")
		wait(channel.ReloadEvery)
		if got := r.Policy().Merchant; got != "m1" {
			t.Errorf("merchant %q", got)
		}
		if !stuck(r) {
			t.Error("another merchant's files count as taken")
		}
	})
}

func TestUntouchedFilesBuildNothing(t *testing.T) {
	t.Parallel()
	reloading(t, func(t *testing.T, r *channel.Reloading, _ *disk, _ *strings.Builder) {
		wait(10 * channel.ReloadEvery)
		if loaded, refused := r.Reloads(); loaded != 0 || refused != 0 || stuck(r) {
			t.Errorf("%d loaded, %d refused, stuck %v", loaded, refused, stuck(r))
		}
	})
}

func TestAFirstBuildThatFailsIsAnError(t *testing.T) {
	t.Parallel()
	log := logrus.New()
	log.SetOutput(io.Discard)
	d := &disk{files: map[string]string{"private": "m1:one"}}
	if _, err := channel.NewReloading(channel.ReloadConfig{Name: "pay", Build: buildKeyed, Read: d.read, Log: log}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := channel.NewReloading(channel.ReloadConfig{}); err == nil {
		t.Error("nothing to build with, and no error")
	}
}
