package page

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anxin/engine/order"
)

var update = flag.Bool("update", false, "rewrite testdata/screens from what is computed now")

// golden is one file of testdata/screens: what the script is given, and what it has to
// show. The unit tests of the script read the same files.
type golden struct {
	ZoneMinutes int    `json:"zoneMinutes"`
	Boot        boot   `json:"boot"`
	Countdown   string `json:"countdown"`
	ArcOffset   string `json:"arcOffset"`
	Screen      screen `json:"screen"`
}

// TestScreensMatchTheirGoldenFiles is one half of the proof that server and script say
// the same; the other half is screen.test.ts.
func TestScreensMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		for _, lang := range languages() {
			v.Lang = lang
			got := goldenOf(t, r, v)
			file := filepath.Join("testdata", "screens", name+"."+lang+".json")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from what is computed; look at it with -update and git diff", file)
			}
		}
	}
}

func goldenOf(t *testing.T, r *Renderer, v View) []byte {
	t.Helper()
	s := r.situation(v)
	_, offset := v.Now.In(s.zone).Zone()
	g := golden{ZoneMinutes: offset / 60, Boot: r.boot(v, s), Screen: s.screen()}
	g.Boot.Texts = nil // they are in the catalogue
	g.Countdown, g.ArcOffset = countdown(g.Screen, v.Now)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(g); err != nil {
		t.Fatal(err)
	}
	// A character that turns the direction of writing would turn that of a diff, too.
	return bytes.ReplaceAll(b.Bytes(), []byte("\u202e"), []byte(`\u202e`))
}

func TestEveryStatusHasAState(t *testing.T) {
	t.Parallel()
	have := map[order.Status]bool{}
	for _, v := range states(t) {
		have[v.Progress.Status] = true
	}
	for _, status := range []order.Status{
		order.StatusAwaiting, order.StatusConfirming, order.StatusSucceeded, order.StatusFailed,
		order.StatusClosed, order.StatusRefunding, order.StatusRefunded,
	} {
		if !have[status] {
			t.Errorf("no state in testdata shows %s", status)
		}
	}
}

func TestNoTextIsLeftWithAnOpenVariable(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		if name == "hostile" { // its subject has braces of its own
			continue
		}
		for _, lang := range languages() {
			v.Lang = lang
			g := goldenOf(t, r, v)
			if found := variables(string(g)); len(found) > 0 {
				t.Errorf("%s in %s leaves %v open", name, lang, found)
			}
		}
	}
}

// Money may be called safe only where the order guarantees it, and nobody is told to pay
// again while that could charge twice.
func TestSafetyIsPromisedOnlyWhereTheOrderGuaranteesIt(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		s := r.situation(v).screen()
		p := v.Progress
		if wantSafe := p.DoNotPayAgain && p.Status == order.StatusConfirming; (s.Safe != "") != wantSafe {
			t.Errorf("%s: safe note %q", name, s.Safe)
		}
		if p.DoNotPayAgain && s.Repay != "" {
			t.Errorf("%s: offers to pay again", name)
		}
		if !p.DoNotPayAgain && s.Again != "" {
			t.Errorf("%s: warns of paying again where it is safe", name)
		}
		if s.Thanks != "" && !slices.Contains([]string{"succeeded_delayed", "succeeded_partial_refund", "succeeded_coupon", "succeeded_late"}, name) {
			t.Errorf("%s: apologises without a delay", name)
		}
	}
}

func TestOnlyAPlainSuccessLeadsBackByItself(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		want := slices.Contains([]string{"succeeded", "succeeded_delayed", "succeeded_late"}, name)
		if s := r.situation(v).screen(); s.Returns != want {
			t.Errorf("%s: leads back by itself: %v", name, s.Returns)
		}
	}
}

func TestHowToPayAgainIsToldOnlyWhereItIsSafe(t *testing.T) {
	t.Parallel()
	r := setup(t)
	told := 0
	for name, v := range states(t) {
		s := r.situation(v).screen()
		if s.Guide && (v.Progress.DoNotPayAgain || !v.Progress.Status.Final() || s.Repay == "") {
			t.Errorf("%s: tells how to pay again", name)
		}
		if s.Guide {
			told++
		}
	}
	if told == 0 {
		t.Error("no state tells how to pay again")
	}
}

func TestCheckIsNeverCalledRunningOnceTheResultIsKnown(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		s := r.situation(View{Progress: v.Progress, Now: v.Now, Moments: v.Moments, Lang: "en"}).screen()
		for _, line := range s.Timeline {
			if strings.HasSuffix(line.Text, "running") && !v.Progress.Attempting {
				t.Errorf("%s: timeline says %q", name, line.Text)
			}
		}
	}
}

func TestTimelineToldByConflatedFramesHasEachCheckOnce(t *testing.T) {
	t.Parallel()
	v := states(t)["confirming_next"]
	v.Lang = "en"
	v.Moments = []Moment{
		{Seq: 2, Event: order.EventClaimed, Status: order.StatusConfirming},
		{Seq: 5, Event: order.EventScheduled, Status: order.StatusConfirming, Attempt: 1}, // its start was conflated away
		{Seq: 6, Event: order.EventScheduled, Status: order.StatusConfirming, Attempt: 1}, // put off
		{Seq: 7, Event: order.EventStarted, Status: order.StatusConfirming, Attempt: 2},
		{Seq: 8, Event: order.EventStage, Status: order.StatusConfirming, Attempt: 2},
		{Seq: 9, Event: order.EventScheduled, Status: order.StatusConfirming, Attempt: 2},
	}
	got := make([]string, 0, 4)
	for _, line := range setup(t).situation(v).timeline() {
		got = append(got, line.Text)
	}
	want := "Slower than usual; we keep checking|Check #2: no result yet|Check #1: no result yet|You told us you paid; we began checking"
	if strings.Join(got, "|") != want {
		t.Errorf("timeline = %q", got)
	}
}

func TestMomentsLeaveOutWhatIsNotThePayers(t *testing.T) {
	t.Parallel()
	got := Moments([]order.Event{
		{Seq: 1, Type: order.EventRegistered},
		{Seq: 2, Type: order.EventCallbackBad},
		{Seq: 3, Type: order.EventCaseOpened, Detail: order.Detail{Case: order.CaseLateSuccess}},
		{Seq: 4, Type: order.EventCaseOpened, Detail: order.Detail{Case: order.CaseConflict}},
	})
	if len(got) != 2 || got[0].Seq != 1 || got[1].Seq != 4 {
		t.Errorf("moments = %+v", got)
	}
}

// TestDrawnPagesMatchTheirGoldenFiles pins the elements themselves, for page.test.ts: it
// draws every state over another one's page and must arrive at these.
func TestDrawnPagesMatchTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	r := setup(t)
	for name, v := range states(t) {
		v.Lang = "en"
		_, rest, _ := strings.Cut(render(t, r, v), "<main")
		main, _, ok := strings.Cut(rest, "</main>")
		if !ok {
			t.Fatalf("%s has no main element", name)
		}
		got := []byte("<main" + strings.ReplaceAll(main, "\u202e", "&#x202e;") + "</main>\n")
		file := filepath.Join("testdata", "pages", name+".html")
		if *update {
			if err := os.WriteFile(file, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from what is rendered; look at it with -update and git diff", file)
		}
	}
}
