package logfile

import (
	"io"
	"log/slog"
	"os"
)

// Logger returns a program's text log and a function that closes it. With hasFile, the log is in the file that open
// returns. If that file cannot be opened, the log is on standard error: a program without a log file is better than no
// program. A program opens its log first, so that each refusal is in it. limited returns a handler that limits records;
// nil means no limit.
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
