package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	fingerprints = "fingerprints"
	placeOfKey   = "key\x00" + fingerprints // what the sealed text belongs to
	sqlKeyOf     = `SELECT sealed FROM sealed_keys WHERE name = $1`
	sqlAddKey    = `INSERT INTO sealed_keys (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	sqlChangeKey = `UPDATE sealed_keys SET sealed = $3 WHERE name = $1 AND sealed = $2`
)

// FingerprintKey returns the key by which addresses are named in records, opt-ins and the
// list of dead ones. It is kept here, sealed, and stays the same whatever becomes of the
// contact secrets: a known address that got another name would be written to again. first
// is what it is when there is none yet.
func (s *Store) FingerprintKey(ctx context.Context, first []byte) ([]byte, error) {
	sealed, err := s.sealedKey(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		if sealed, err = s.sealer.seal(base64.StdEncoding.EncodeToString(first), placeOfKey); err != nil {
			return nil, err
		}
		err = s.writer.do(ctx, func(ctx context.Context, w *writes) error {
			_, err := w.exec(ctx, "write key", positional(sqlAddKey), fingerprints, sealed)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("write key: %w", err)
		}
		sealed, err = s.sealedKey(ctx) // another node may have been first
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	text, err := s.sealer.unseal(sealed, placeOfKey)
	if err != nil {
		return nil, fmt.Errorf("open key of fingerprints: %w", err)
	}
	return base64.StdEncoding.DecodeString(text)
}

func (s *Store) sealedKey(ctx context.Context) (sealed string, err error) {
	err = s.reads.pool.QueryRowContext(ctx, positional(sqlKeyOf), fingerprints).Scan(&sealed)
	return sealed, err
}

// resealKey seals the key of fingerprints with the secret that seals now.
func (s *Store) resealKey(ctx context.Context) error {
	was, err := s.sealedKey(ctx)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && s.sealer.current(was)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	text, err := s.sealer.unseal(was, placeOfKey)
	if err != nil {
		return fmt.Errorf("open key of fingerprints: %w", err)
	}
	now, err := s.sealer.seal(text, placeOfKey)
	if err != nil {
		return err
	}
	return s.writer.do(ctx, func(ctx context.Context, w *writes) error {
		_, err := w.exec(ctx, "seal key", positional(sqlChangeKey), fingerprints, was, now)
		return err
	})
}
