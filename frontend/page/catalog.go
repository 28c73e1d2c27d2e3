package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed catalog/*.json
var catalogFiles embed.FS

// ErrCatalogue reports texts that do not match the table: a key missing or unknown, or
// a variable missing or unknown.
var ErrCatalogue = errors.New("message catalogue does not match the table")

// languages are the tags of the catalogues. The first one is for payers whose language
// is none of them.
func languages() []string { return []string{"en", "zh-CN"} }

// catalog holds the checked texts of one language.
type catalog struct {
	tag     string
	version string // tells the wording of one build from that of another
	texts   map[string]string
	months  []string
	// page and inbox are the texts that the script of each needs.
	page, inbox map[string]string
}

// vars are the values of a text's variables.
type vars map[string]string

// text returns the text of a key with its variables filled in.
func (c *catalog) text(key string, v vars) string {
	text := c.texts[key]
	for name, value := range v {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// catalogs are all languages and the matcher that chooses among them.
type catalogs struct {
	list    []*catalog
	matcher language.Matcher
}

// match returns the catalogue for a BCP 47 tag or an Accept-Language value. The
// matcher's index is used and not its tag, which may carry extensions of the request.
func (c *catalogs) match(lang string) *catalog {
	wanted, _, err := language.ParseAcceptLanguage(lang)
	if err != nil {
		return c.list[0]
	}
	_, index, _ := c.matcher.Match(wanted...)
	return c.list[index]
}

// Languages are the tags of the page's languages.
func Languages() []string { return languages() }

func loadCatalogs() (*catalogs, error) {
	all := &catalogs{}
	var supported []language.Tag
	for _, tag := range languages() {
		raw, err := catalogFiles.ReadFile("catalog/" + tag + ".json")
		if err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", tag, err)
		}
		c, err := parseCatalog(tag, raw)
		if err != nil {
			return nil, fmt.Errorf("catalogue %s: %w", tag, err)
		}
		all.list = append(all.list, c)
		supported = append(supported, language.MustParse(tag))
	}
	all.matcher = language.NewMatcher(supported)
	return all, nil
}

// versionBytes of a hash are enough to tell the few versions of a catalogue apart.
const versionBytes = 6

// monthsInYear is what the text "months" lists, separated by spaces.
const monthsInYear = 12

func parseCatalog(tag string, raw []byte) (*catalog, error) {
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	for _, m := range messages {
		text, ok := texts[m.Key]
		if !ok || text == "" {
			return nil, fmt.Errorf("%w: %q is missing", ErrCatalogue, m.Key)
		}
		if found := variables(text); !slices.Equal(found, m.Vars) {
			return nil, fmt.Errorf("%w: %q mentions %v instead of %v", ErrCatalogue, m.Key, found, m.Vars)
		}
	}
	if len(texts) != len(messages) {
		return nil, fmt.Errorf("%w: unknown keys %v", ErrCatalogue, unknownKeys(texts))
	}
	months := strings.Fields(texts["months"])
	if len(months) != monthsInYear {
		return nil, fmt.Errorf("%w: %d months", ErrCatalogue, len(months))
	}
	sum := sha256.Sum256(raw)
	c := &catalog{tag: tag, version: hex.EncodeToString(sum[:versionBytes]), texts: texts, months: months}
	c.page, c.inbox = map[string]string{}, map[string]string{}
	for key, text := range texts {
		switch topic, _, _ := strings.Cut(key, "."); topic {
		case "expired", "lookup", "optin": // what only the server writes
		case "inbox":
			c.inbox[key] = text
		case "date", "months":
			c.inbox[key], c.page[key] = text, text
		default:
			c.page[key] = text
		}
	}
	return c, nil
}

var variable = regexp.MustCompile(`\{([a-z]+)\}`)

// variables returns the names mentioned in a text, sorted, each once.
func variables(text string) []string {
	var names []string
	for _, found := range variable.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func unknownKeys(texts map[string]string) []string {
	known := make(map[string]bool, len(messages))
	for _, m := range messages {
		known[m.Key] = true
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(texts)), func(key string) bool { return known[key] })
}
