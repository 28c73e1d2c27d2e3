package page

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"
)

func texts(t *testing.T, tag string) map[string]string {
	t.Helper()
	raw, err := catalogFiles.ReadFile("catalog/" + tag + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var found map[string]string
	if err := json.Unmarshal(raw, &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCataloguesHaveTheSameKeysAndVariables(t *testing.T) {
	t.Parallel()
	first := texts(t, languages()[0])
	for _, tag := range languages()[1:] {
		other := texts(t, tag)
		if a, b := slices.Sorted(maps.Keys(first)), slices.Sorted(maps.Keys(other)); !slices.Equal(a, b) {
			t.Errorf("keys of %s differ from %s", tag, languages()[0])
		}
		for key, text := range first {
			if !slices.Equal(variables(text), variables(other[key])) {
				t.Errorf("%s: %q has other variables than in %s", tag, key, languages()[0])
			}
		}
	}
}

func TestEveryCatalogueFileIsALanguageOfThePage(t *testing.T) {
	t.Parallel()
	files, err := catalogFiles.ReadDir("catalog")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(languages()) {
		t.Errorf("%d catalogues for %d languages", len(files), len(languages()))
	}
}

func TestMessageTableIsSortedWithoutDuplicates(t *testing.T) {
	t.Parallel()
	all := Messages()
	for i := 1; i < len(all); i++ {
		if all[i-1].Key >= all[i].Key {
			t.Errorf("%q stands before %q", all[i-1].Key, all[i].Key)
		}
	}
}

func TestFaultyCatalogueIsRefused(t *testing.T) {
	t.Parallel()
	faults := map[string]func(map[string]string){
		"missing key":      func(m map[string]string) { delete(m, "safe") },
		"empty text":       func(m map[string]string) { m["safe"] = "" },
		"unknown key":      func(m map[string]string) { m["sfae"] = "x" },
		"missing variable": func(m map[string]string) { m["attempt.at"] = "at {time}" },
		"unknown variable": func(m map[string]string) { m["attempt.at"] = "{n} at {time} {amount}" },
		"eleven months":    func(m map[string]string) { m["months"] = "1 2 3 4 5 6 7 8 9 10 11" },
	}
	for name, spoil := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoiled := texts(t, "en")
			spoil(spoiled)
			raw, err := json.Marshal(spoiled)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseCatalog("en", raw); !errors.Is(err, ErrCatalogue) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestLanguageIsChosenFromTagsAndHeaders(t *testing.T) {
	t.Parallel()
	all, err := loadCatalogs()
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{
		"zh-CN": "zh-CN", "zh": "zh-CN", "zh-Hans-CN": "zh-CN", "zh-SG": "zh-CN", "zh-CN-u-rg-cnzzzz": "zh-CN",
		"en": "en", "en-GB": "en", "fr,zh;q=0.8,en;q=0.5": "zh-CN",
		"fr": "en", "": "en", "***": "en", "<script>": "en",
	} {
		if got := all.match(lang).tag; got != want {
			t.Errorf("match(%q) = %s, want %s", lang, got, want)
		}
	}
}
