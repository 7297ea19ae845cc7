package thismac

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt returns the time of the file's last rename or change. A rename does not change the time of its content.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix()).UTC()
	}
	return info.ModTime().UTC()
}
