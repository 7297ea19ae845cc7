package applog

import (
	"fmt"
	"io"
	"sync"
)

// The limits of unpacking. A log with times in it shrinks to a thirtieth, and with bzip2 to an eightieth at most. An
// archive that is built to exhaust its reader shrinks to a thousandth, and with bzip2 to a millionth. So all archives
// together may unpack to unpackedRatio times their size and freeUnpacked bytes beyond that. That many bytes, as lines
// of one letter, take five seconds to read.
const (
	unpackedRatio = 200
	freeUnpacked  = 16 << 20
)

// allowance limits how many bytes all archives of a search may unpack to. It may be used by several goroutines.
type allowance struct {
	mu sync.Mutex
	// total is how many bytes may still be unpacked, excess how many of them beyond the ratio.
	total, excess int64
}

func newAllowance(total int64) *allowance { return &allowance{total: total, excess: freeUnpacked} }

// meter is one packed stream's share. A stream that is read again is paid for once, and ends where it ended before.
type meter struct {
	of *allowance
	// paid is how many bytes of the stream were read, beyond how many of them exceeded the ratio.
	paid, beyond int64
	// refused is the reason why the stream may not be read beyond paid.
	refused error
}

func (a *allowance) meter() *meter { return &meter{of: a} }

// pay is called when the first in bytes of the stream have unpacked to out bytes.
func (m *meter) pay(in, out int64) error {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	if out <= m.paid {
		return nil
	}
	if m.refused != nil {
		return m.refused
	}
	beyond := max(m.beyond, out-unpackedRatio*in)
	switch more, excess := out-m.paid, beyond-m.beyond; {
	case more > m.of.total:
		m.refused = errTooLarge
	case excess > m.of.excess:
		m.refused = fmt.Errorf("%w: it unpacks to more than %d times its size; all such archives together may "+
			"have %d MiB beyond that",
			errTooLarge, unpackedRatio, freeUnpacked>>20)
	default:
		m.of.total -= more
		m.of.excess -= excess
		m.paid, m.beyond = out, beyond
	}
	return m.refused
}

// counted counts the bytes that are read from it.
type counted struct {
	io.Reader
	bytes int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += int64(n)
	return n, err
}

// metered is an unpacked stream that ends where its meter refuses.
type metered struct {
	unpacked io.Reader
	packed   *counted
	meter    *meter
	bytes    int64
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.unpacked.Read(p)
	if n == 0 {
		return 0, err
	}
	if err := m.meter.pay(m.packed.bytes, m.bytes+int64(n)); err != nil {
		return 0, err
	}
	m.bytes += int64(n)
	return n, err
}
