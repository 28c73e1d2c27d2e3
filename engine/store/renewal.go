package store

import (
	"context"
	"fmt"

	"anxin/engine"
	"anxin/engine/notify"
)

const (
	sqlOptInsTo = `SELECT payer, channel, fingerprint, address, locale, order_no, wording, at FROM opt_ins
WHERE channel = $1 AND fingerprint = $2 AND ended_at = 0 ORDER BY payer LIMIT $3`
	sqlRenewOptIn = `UPDATE opt_ins SET fingerprint = $4, address = $5
WHERE payer = $1 AND channel = $2 AND fingerprint = $3 AND ended_at = 0
  AND NOT EXISTS (SELECT 1 FROM opt_ins WHERE payer = $1 AND channel = $2 AND fingerprint = $4)`
)

// OptInsTo returns the wishes that name an address; see engine.MessageStore.
func (s *Store) OptInsTo(ctx context.Context, c notify.Channel, fingerprint string) ([]engine.OptIn, error) {
	rows, err := s.reads.optInsTo.QueryContext(ctx, string(c), fingerprint, maxOptIns)
	if err != nil {
		return nil, fmt.Errorf("read opt-ins: %w", err)
	}
	list, err := collect(rows, s.scanOptIn)
	if err != nil {
		return nil, fmt.Errorf("read opt-ins: %w", err)
	}
	return list, nil
}

func (e *encoded) writeRenewal(ctx context.Context, w *writes) error {
	r := e.Messages.Renewal
	if r == nil {
		return nil
	}
	_, err := w.run(ctx, "renew opt-in", w.renewOptIn, r.Of.Payer, string(r.Of.Channel), r.Of.Fingerprint, r.Fingerprint, e.renewed)
	return err
}

// encodeRenewal seals the new address for the place that it will have.
func (e *encoded) encodeRenewal(seals *sealer) error {
	r := e.Messages.Renewal
	if r == nil {
		return nil
	}
	address, err := encode(r.To)
	if err != nil {
		return err
	}
	place := r.Of
	place.Fingerprint = r.Fingerprint
	e.renewed, err = seals.seal(address, placeOfOptIn(place))
	return err
}
