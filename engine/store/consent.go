package store

import (
	"context"
	"fmt"

	"anxin/engine"
	"anxin/engine/notify"
	"anxin/engine/order"
)

const (
	sqlPutOptIn = `INSERT INTO opt_ins (payer, channel, fingerprint, address, locale, order_no, wording, at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
ON CONFLICT (payer, channel, fingerprint) DO UPDATE
SET address = excluded.address, locale = excluded.locale, order_no = excluded.order_no, wording = excluded.wording, at = excluded.at,
    ended_at = 0`
	sqlEndOptIns = `UPDATE opt_ins SET address = '', ended_at = $3 WHERE payer = $1 AND channel = $2 AND ended_at = 0`
	// An address that asked for no more is an opt-out of nobody's: its name is no inbox's.
	sqlRefuseAddress = `INSERT INTO opt_outs (payer, channel, at)
SELECT 'address:' || fingerprint, channel, $3 FROM opt_ins WHERE payer = $1 AND channel = $2 AND ended_at = 0
ON CONFLICT (payer, channel) DO UPDATE SET at = excluded.at`
	sqlEndAddress = `UPDATE opt_ins SET address = '', ended_at = $3 WHERE ended_at = 0 AND channel = $2 AND fingerprint IN (
SELECT fingerprint FROM opt_ins WHERE payer = $1 AND channel = $2 AND ended_at = 0)`
	sqlUnwanted   = `SELECT COUNT(*) FROM opt_outs WHERE payer = 'address:' || $1 AND channel = $2 AND at >= $3`
	sqlDropOptOut = `DELETE FROM opt_outs WHERE payer = $1 AND channel = $2`
	sqlPutOptOut  = `INSERT INTO opt_outs (payer, channel, at) VALUES ($1, $2, $3)
ON CONFLICT (payer, channel) DO UPDATE SET at = excluded.at`
	sqlPutDead = `INSERT INTO dead_addresses (fingerprint, channel, provider, code, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (fingerprint) DO UPDATE SET provider = excluded.provider, code = excluded.code, at = excluded.at`
	// Who answered STOP, or complained, is not brought back by whoever types the number.
	sqlDropDead = `DELETE FROM dead_addresses WHERE fingerprint = $1 AND NOT (channel = 'sms' AND code IN ('unsubscribed', 'blocked'))`
	sqlOptIns   = `SELECT payer, channel, fingerprint, address, locale, order_no, wording, at FROM opt_ins
WHERE payer = $1 AND ended_at = 0 ORDER BY at DESC, fingerprint LIMIT $2`
	sqlOptOuts     = `SELECT channel FROM opt_outs WHERE payer = $1 ORDER BY channel`
	sqlDeadAddress = `SELECT COUNT(*) FROM dead_addresses WHERE fingerprint = $1`
)

// maxOptIns bounds the addresses of one payer that are used, the newest of them.
const maxOptIns = 20

func (e *encoded) writeConsent(ctx context.Context, w *writes) error {
	if in := e.Messages.OptIn; in != nil {
		if _, err := w.run(ctx, "write opt-in", w.putOptIn, in.Payer, string(in.Channel), in.Fingerprint, e.address, in.Locale,
			in.OrderNo, in.Wording, int64(in.At)); err != nil {
			return err
		}
		if _, err := w.run(ctx, "take opt-out back", w.dropOptOut, in.Payer, string(in.Channel)); err != nil {
			return err
		}
		// Whoever gives an address anew says that it works.
		if _, err := w.run(ctx, "revive address", w.dropDead, in.Fingerprint); err != nil {
			return err
		}
	}
	if out := e.Messages.OptOut; out != nil {
		if out.There {
			if err := w.refuseAddresses(ctx, out); err != nil {
				return err
			}
		}
		if _, err := w.run(ctx, "write opt-out", w.putOptOut, out.Payer, string(out.Channel), int64(out.At)); err != nil {
			return err
		}
		if _, err := w.run(ctx, "end opt-ins", w.endOptIns, out.Payer, string(out.Channel), int64(out.At)); err != nil {
			return err
		}
	}
	d := e.Messages.Dead
	if d == nil {
		return nil
	}
	_, err := w.run(ctx, "write dead address", w.putDead, d.Fingerprint, string(d.Channel), d.Provider, d.Code, int64(d.At))
	return err
}

// refuseAddresses ends what anybody left on a page of the addresses at which a payer's
// opt-out was asked for.
func (w *writes) refuseAddresses(ctx context.Context, out *engine.OptOut) error {
	for _, text := range []string{sqlRefuseAddress, sqlEndAddress} {
		if _, err := w.exec(ctx, "refuse address", positional(text), out.Payer, string(out.Channel), int64(out.At)); err != nil {
			return err
		}
	}
	return nil
}

// Unwanted tells of addresses that asked for no more; see engine.MessageStore.
func (s *Store) Unwanted(ctx context.Context, c notify.Channel, fingerprint string, since order.Time) (bool, error) {
	n := 0
	err := s.reads.pool.QueryRowContext(ctx, positional(sqlUnwanted), fingerprint, string(c), int64(since)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read opt-outs of an address: %w", err)
	}
	return n > 0, nil
}

// placeOfOptIn is what the sealed address belongs to.
func placeOfOptIn(in engine.OptIn) string {
	return in.Payer + "\x00" + in.Fingerprint
}

// encodeMessages turns what a commit says of messages into text.
func (e *encoded) encodeMessages(seals *sealer) (err error) {
	m := e.Messages
	if m == nil {
		return nil
	}
	if e.histories, err = encodeAll(m.Records, func(r notify.Record) any { return r.History }); err != nil {
		return err
	}
	if m.OptIn != nil {
		address, err := encode(m.OptIn.To)
		if err != nil {
			return err
		}
		if e.address, err = seals.seal(address, placeOfOptIn(*m.OptIn)); err != nil {
			return err
		}
	}
	if err := e.encodeRenewal(seals); err != nil {
		return err
	}
	e.template, err = encodeTemplate(m.Template)
	return err
}

// scanOptIn reads the columns that both lists of wishes select, and unseals the address.
func (s *Store) scanOptIn(r row) (engine.OptIn, error) {
	var in engine.OptIn
	var address string
	var at int64
	if err := r.Scan(&in.Payer, &in.Channel, &in.Fingerprint, &address, &in.Locale, &in.OrderNo, &in.Wording, &at); err != nil {
		return in, err
	}
	in.At = order.Time(at)
	opened, err := s.sealer.unseal(address, placeOfOptIn(in))
	if err != nil {
		return in, err
	}
	return in, decode(opened, &in.To)
}

// OptIns returns a payer's wishes; see engine.MessageStore.
func (s *Store) OptIns(ctx context.Context, payer string) ([]engine.OptIn, []notify.Channel, error) {
	rows, err := s.reads.optIns.QueryContext(ctx, payer, maxOptIns)
	if err != nil {
		return nil, nil, fmt.Errorf("read opt-ins: %w", err)
	}
	list, err := collect(rows, s.scanOptIn)
	if err != nil {
		return nil, nil, fmt.Errorf("read opt-ins: %w", err)
	}
	rows, err = s.reads.optOuts.QueryContext(ctx, payer)
	if err != nil {
		return nil, nil, fmt.Errorf("read opt-outs: %w", err)
	}
	outs, err := collect(rows, func(r row) (c notify.Channel, err error) {
		err = r.Scan(&c)
		return c, err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read opt-outs: %w", err)
	}
	return list, outs, nil
}

// DeadAddresses tells which addresses never work; see engine.MessageStore.
func (s *Store) DeadAddresses(ctx context.Context, fingerprints []string) (map[string]bool, error) {
	dead := make(map[string]bool)
	for _, f := range fingerprints {
		n := 0
		if err := s.reads.deadAddress.QueryRowContext(ctx, f).Scan(&n); err != nil {
			return nil, fmt.Errorf("read dead addresses: %w", err)
		}
		if n > 0 {
			dead[f] = true
		}
	}
	return dead, nil
}
