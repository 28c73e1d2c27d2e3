package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"anxin/engine"
	"anxin/engine/incident"
	"anxin/engine/order"
	"anxin/frontend/page"
)

// Announcements is the board of what operators tell payers.
type Announcements interface {
	Publish(ctx context.Context, a incident.Announcement) (incident.Announcement, error)
	End(ctx context.Context, id int64, actor string) error
	// Active returns what holds now, the newest first, and the board's version.
	Active(ctx context.Context) ([]incident.Announcement, int64, error)
}

var _ Announcements = (*incident.Board)(nil)

// textView is an announcement in one language.
type textView struct {
	Lang string `json:"lang"`
	Text string `json:"text"`
}

// announcementView is an announcement as operators see it.
type announcementView struct {
	ID      int64      `json:"id"`
	Channel string     `json:"channel"`
	Texts   []textView `json:"texts"`
	Since   order.Time `json:"since"`
	Until   order.Time `json:"until"`
	Actor   string     `json:"actor"`
}

func announcementOf(a incident.Announcement) announcementView {
	v := announcementView{ID: a.ID, Channel: a.Channel, Texts: []textView{}, Since: a.Since, Until: a.Until, Actor: a.Actor}
	for _, lang := range page.Languages() {
		v.Texts = append(v.Texts, textView{lang, a.Texts[lang]})
	}
	return v
}

// announcements answers GET /v1/ops/announcements.
func (a *api) announcements(c *fiber.Ctx) error {
	if err := a.wholeList(c); err != nil {
		return err
	}
	ctx, cancel := work()
	defer cancel()
	active, _, err := a.deps.Announcements.Active(ctx)
	if err != nil {
		return err
	}
	return sendList(c, active, "", announcementOf)
}

// announce answers POST /v1/ops/announcements.
func (a *api) announce(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	var body struct {
		Channel string     `json:"channel"`
		Texts   []textView `json:"texts"`
		Until   order.Time `json:"until"`
	}
	if err := decodeJSON(c, &body); err != nil {
		return err
	}
	if body.Channel != "" && !channelName.MatchString(body.Channel) {
		return &order.FieldError{Field: "channel", Reason: "must be 1 to 64 letters, digits, dots, _ and -"}
	}
	texts := make(map[string]string, len(body.Texts))
	for _, t := range body.Texts {
		texts[t.Lang] = t.Text
	}
	ctx, cancel := work()
	defer cancel()
	published, err := a.deps.Announcements.Publish(ctx, incident.Announcement{Channel: body.Channel, Texts: texts, Until: body.Until, Actor: actor})
	if err != nil {
		return err
	}
	return sendJSON(c, fiber.StatusCreated, announcementOf(published))
}

// endAnnouncement answers DELETE /v1/ops/announcements/{id}.
func (a *api) endAnnouncement(c *fiber.Ctx) error {
	actor, err := a.operator(c)
	if err != nil {
		return err
	}
	if err := decodeEmpty(c); err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil {
		return errNoAnnouncement
	}
	ctx, cancel := work()
	defer cancel()
	switch err := a.deps.Announcements.End(ctx, id, actor); {
	case errors.Is(err, engine.ErrNotFound):
		return errNoAnnouncement
	case err != nil:
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

var errNoAnnouncement = problem(fiber.StatusNotFound, "announcement_not_found", "no announcement of this id holds")

// Announced is the state of the topic of announcements.
func Announced(active []incident.Announcement) ([]byte, error) {
	return json.Marshal(struct {
		Items []page.Announcement `json:"items"`
	}{shownAnnouncements(active)})
}

// shownAnnouncements are announcements as pages take them: who watches them learns no
// name of a channel.
func shownAnnouncements(active []incident.Announcement) []page.Announcement {
	shown := make([]page.Announcement, 0, len(active))
	for _, a := range active {
		shown = append(shown, page.Announcement{Scope: scopeOf(a.Channel), Texts: a.Texts, Until: a.Until})
	}
	return shown
}

// scopeOf stands for a channel where its name must not be read.
func scopeOf(channel string) string {
	if channel == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("anxin channel\n" + channel))
	return hex.EncodeToString(sum[:8])
}

// announced are the announcements for a page. That they cannot be read is no reason to
// withhold the page.
func (a *api) announced(ctx context.Context) []page.Announcement {
	active, _, err := a.deps.Announcements.Active(ctx)
	if err != nil {
		a.deps.Log.WithError(err).Error("page shown without announcements")
	}
	return shownAnnouncements(active)
}
