package logfile

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The limits for the same message about the same user: a number at once, and then one per interval. A user who makes
// usherd log for days causes some megabytes a day.
const (
	loggedAtOnce   = 100
	loggedInterval = time.Second
	// sourcesInMemory limits the sources that are remembered. If there are more, their records count as one source.
	sourcesInMemory = 1024
	sweepInterval   = 10 * time.Second
)

// NotLogged is the attribute that says how many records like this one were left out before it.
const NotLogged = "not_logged_before"

// Limit returns a handler that leaves out records that are logged too often. So a user who repeats something does not
// fill the disk, even at level debug. Warnings and errors are never left out. Code that logs a warning or error that
// users can cause limits it itself.
func Limit(next slog.Handler) slog.Handler {
	return &limited{next: next, sources: &sources{now: time.Now, known: make(map[source]*logged)}}
}

// source is the unit of the limit: a message about a user, or about no user.
type source struct {
	message, user string
	level         slog.Level
}

type logged struct {
	limit *rate.Limiter
	held  int
}

// sources are shared by a handler and all handlers that its [slog.Handler.WithAttrs] returns.
type sources struct {
	now   func() time.Time
	mu    sync.Mutex
	known map[source]*logged
	// swept is when quiet sources were last forgotten.
	swept time.Time
}

// allow reports whether a record may be logged now, and how many were left out before.
func (s *sources) allow(of source) (held int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	one := s.known[of]
	if one == nil {
		if len(s.known) >= sourcesInMemory && now.Sub(s.swept) >= sweepInterval {
			s.swept = now
			for other, quiet := range s.known {
				if quiet.held == 0 && quiet.limit.TokensAt(now) >= loggedAtOnce {
					delete(s.known, other)
				}
			}
		}
		if len(s.known) >= sourcesInMemory {
			of = source{level: of.level}
		}
		if one = s.known[of]; one == nil {
			one = &logged{limit: rate.NewLimiter(rate.Every(loggedInterval), loggedAtOnce)}
			s.known[of] = one
		}
	}
	if !one.limit.AllowN(now, 1) {
		one.held++
		return 0, false
	}
	held, one.held = one.held, 0
	return held, true
}

// limited is the handler.
type limited struct {
	next    slog.Handler
	sources *sources
	// user is the uid that was given to WithAttrs.
	user string
}

// Enabled implements [slog.Handler].
func (h *limited) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h *limited) Handle(ctx context.Context, record slog.Record) error {
	if record.Level >= slog.LevelWarn {
		return h.next.Handle(ctx, record)
	}
	of := source{record.Message, h.user, record.Level}
	record.Attrs(func(a slog.Attr) bool {
		of.user = userOf(of.user, a)
		return true
	})
	held, ok := h.sources.allow(of)
	if !ok {
		return nil
	}
	if held > 0 {
		record = record.Clone()
		record.AddAttrs(slog.Int(NotLogged, held))
	}
	return h.next.Handle(ctx, record)
}

// userOf returns the user that an attribute names, or else the known user.
func userOf(known string, a slog.Attr) string {
	if a.Key == "uid" {
		return a.Value.String()
	}
	return known
}

// WithAttrs implements [slog.Handler].
func (h *limited) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attributes)
	for _, a := range attributes {
		with.user = userOf(with.user, a)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (h *limited) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	return &with
}
