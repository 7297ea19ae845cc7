package thismac

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt is when a file was renamed or changed last. Renaming leaves the time of its content as it is.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix()).UTC()
	}
	return info.ModTime().UTC()
}
