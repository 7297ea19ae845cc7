package helper

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"time"

	"usher.internal/helper/delivery"
	"usher.internal/helper/thismac"
	"usher.internal/internal/config"
	"usher.internal/internal/filewatch"
)

// sleptAtLeast is for how long this Mac must have slept for its users to be looked at again.
const sleptAtLeast = time.Minute

// Within these times what Jamf Pro has refused is tried again after a change: of one Mac by somebody who waits for it,
// or of all of a fleet.
const (
	ofThisMac  = time.Second
	ofTheFleet = time.Minute
)

// watchNetwork has what waits for the network try again when it changes.
func (u *usherd) watchNetwork(ctx context.Context) error {
	changed := func() {
		u.outbox.NetworkChanged()
		u.toFleet.NetworkChanged()
		u.networkChanged.Set()
	}
	if err := delivery.WatchNetwork(ctx, changed); err != nil {
		u.log.Warn("changes of the network are not seen; deliveries wait for their back-off", "error", err)
	}
	return nil
}

// watchSleep has users looked at after this Mac has slept. What waits for its back-off has stood still too.
func (u *usherd) watchSleep(ctx context.Context) error {
	woke := func(slept time.Duration) {
		u.observer.Woke(slept)
		u.outbox.NetworkChanged()
		u.toFleet.NetworkChanged()
	}
	if err := thismac.WatchWake(ctx, u.networkChanged, sleptAtLeast, woke); err != nil {
		u.log.Warn("sleep is not seen; users are not looked at after wake", "error", err)
	}
	return nil
}

// watchConfiguration has every part take note of another configuration.
func (u *usherd) watchConfiguration(ctx context.Context) error {
	changed := func() {
		if err := u.configure(); err != nil {
			u.log.Error("the configuration has changed, and its way to Jamf Pro cannot be used; the one before remains",
				"error", err)
		}
		u.observer.SettingsChanged()
		u.outbox.NetworkChanged() // what waits may have another way now
		u.reconsider(ofTheFleet)
		u.otherSecret.Set()
		u.toFleet.SettingsChanged()
		u.remote.SettingsChanged()
	}
	if err := u.live.Watch(ctx, changed); err != nil {
		u.log.Warn("changes of the configuration are not seen; they take effect when usherd restarts", "error", err)
	}
	return nil
}

// watchSecret has what Jamf Pro has refused tried again when the client secret is another one.
func (u *usherd) watchSecret(ctx context.Context) error {
	secret := func() string { return u.live.Current().Delivery.API.ClientSecretFile }
	before := lookAt(secret())
	changed := func() {
		if now := lookAt(secret()); now != before {
			before = now
			u.reconsider(ofThisMac)
		}
	}
	files := func() []string { return []string{secret()} }
	if err := filewatch.Watch(ctx, u.log, files, u.otherSecret, changed); err != nil {
		u.log.Warn("a new client secret is not seen; what Jamf Pro has refused is tried again once a day", "error", err)
	}
	return nil
}

// reconsider has what Jamf Pro has refused tried again, at any time within that.
func (u *usherd) reconsider(within time.Duration) {
	if err := u.outbox.Reconsider(within); err != nil {
		u.log.Error("what Jamf Pro has refused is not tried again now", "error", err)
	}
}

// circumstances are a digest of what a delivery depends on, on this Mac.
func circumstances(now *config.Loaded) string {
	settings := fmt.Sprintf("%+v %s", now.Delivery, lookAt(now.Delivery.API.ClientSecretFile))
	return fmt.Sprintf("%x", sha256.Sum256([]byte(settings)))
}

// lookAt returns what is seen of a file from outside: another text if it is another file, or was written to.
func lookAt(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path + ": " + err.Error()
	}
	return fmt.Sprintf("%s: %d bytes of %s, %+v", path, info.Size(), info.ModTime(), info.Sys())
}
