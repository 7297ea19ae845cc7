package logfile

import (
	"io"
	"log/slog"
	"os"
)

// Logger returns a program's log as text, in a file that open opens if there is to be one, and what closes it. Where
// the file cannot be opened, the log is on standard error: a program without a log is better than none. A program opens
// its log first, so that each refusal is in it. Limited limits what is logged; nil does not.
func Logger(program string, hasFile bool, level slog.Leveler, limited func(slog.Handler) slog.Handler,
	open func() (*File, error)) (log *slog.Logger, closeLog func()) {
	to := func(output io.Writer) *slog.Logger {
		var handler slog.Handler = slog.NewTextHandler(output, &slog.HandlerOptions{Level: level})
		if limited != nil {
			handler = limited(handler)
		}
		return slog.New(handler)
	}
	if !hasFile {
		return to(os.Stderr), func() {}
	}
	file, err := open()
	if err != nil {
		log = to(os.Stderr)
		log.Error("the log file cannot be used; the log is on standard error until "+program+" starts again", "error",
			err)
		return log, func() {}
	}
	return to(file), func() { file.Close() }
}
