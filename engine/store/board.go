package store

import (
	"context"
	"encoding/json"
	"fmt"

	"anxin/engine"
	"anxin/engine/incident"
	"anxin/engine/order"
)

var _ incident.Store = (*Store)(nil)

const (
	nextVersion        = `(SELECT COALESCE(MAX(version), 0) + 1 FROM announcements)`
	sqlPutAnnouncement = `INSERT INTO announcements (version, channel, texts, since, until, actor)
VALUES (` + nextVersion + `, $1, $2, $3, $4, $5) RETURNING id`
	sqlEndAnnouncement = `UPDATE announcements SET until = $2, version = ` + nextVersion + ` WHERE id = $1 AND until > $2`
	sqlAnnouncements   = `SELECT id, channel, texts, since, until, actor FROM announcements WHERE until > $1 ORDER BY id DESC LIMIT $2`
	sqlBoardVersion    = `SELECT COALESCE(MAX(version), 0) FROM announcements`
)

// PutAnnouncement implements incident.Store.
func (s *Store) PutAnnouncement(ctx context.Context, a incident.Announcement, audit engine.Audit) (int64, error) {
	texts, err := json.Marshal(a.Texts)
	if err != nil {
		return 0, fmt.Errorf("encode texts: %w", err)
	}
	var id int64
	err = s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		row := w.link.oneOf(ctx, sqlPutAnnouncement, a.Channel, string(texts), int64(a.Since), int64(a.Until), a.Actor)
		if err := row.Scan(&id); err != nil {
			return fmt.Errorf("write announcement: %w", err)
		}
		w.changed++
		return w.audit(ctx, &audit)
	})
	return id, err
}

// EndAnnouncement implements incident.Store.
func (s *Store) EndAnnouncement(ctx context.Context, id int64, audit engine.Audit) error {
	return s.changeOne(ctx, func(ctx context.Context, w *writes) (bool, error) {
		changed, err := w.exec(ctx, "end announcement", sqlEndAnnouncement, id, int64(audit.At))
		if err != nil || changed == 0 {
			return false, err
		}
		return true, w.audit(ctx, &audit)
	})
}

// changeOne runs an action in the writer's next group. That it found nothing to change is
// no failure of the group: the caller gets engine.ErrNotFound.
func (s *Store) changeOne(ctx context.Context, act func(context.Context, *writes) (found bool, err error)) error {
	var found bool
	err := s.writer.do(ctx, func(ctx context.Context, w *writes) (err error) {
		found, err = act(ctx, w)
		return err
	})
	if err == nil && !found {
		err = engine.ErrNotFound
	}
	return err
}

// Announcements implements incident.Store. The version is read first: a change between
// the two makes the list newer than it, never older.
func (s *Store) Announcements(ctx context.Context, at order.Time, limit int) ([]incident.Announcement, int64, error) {
	var version int64
	if err := s.reads.boardVersion.QueryRowContext(ctx).Scan(&version); err != nil {
		return nil, 0, fmt.Errorf("read version of announcements: %w", err)
	}
	rows, err := s.reads.announcements.QueryContext(ctx, int64(at), bounded(limit))
	if err != nil {
		return nil, 0, fmt.Errorf("read announcements: %w", err)
	}
	list, err := collect(rows, func(r row) (incident.Announcement, error) {
		var a incident.Announcement
		var texts string
		var since, until int64
		err := r.Scan(&a.ID, &a.Channel, &texts, &since, &until, &a.Actor)
		if err == nil {
			err = json.Unmarshal([]byte(texts), &a.Texts)
		}
		a.Since, a.Until = order.Time(since), order.Time(until)
		return a, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read announcements: %w", err)
	}
	return list, version, nil
}
