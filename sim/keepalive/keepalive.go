// Package keepalive emulates launchd at the end of a job's process, in the time of testing/synctest: whether launchd
// starts another process, and when. It is for tests, and never ships.
package keepalive

import (
	"testing"
	"time"

	"howett.net/plist"
)

// defaultThrottle is launchd's, for a definition without ThrottleInterval [LAUNCHCTL].
const defaultThrottle = 10 * time.Second

// Job has the keys of launchd.plist(5) that decide it. No exit code is final: KeepAlive=true starts the program again
// after any exit code, SuccessfulExit=false after any but 0.
type Job struct {
	always, onFailure bool
	throttle          time.Duration
}

// Read reads a definition.
func Read(t testing.TB, definition []byte) Job {
	t.Helper()
	var keys struct {
		KeepAlive        any
		ThrottleInterval *int
	}
	if _, err := plist.Unmarshal(definition, &keys); err != nil {
		t.Fatal(err)
	}
	job := Job{throttle: defaultThrottle}
	if keys.ThrottleInterval != nil {
		job.throttle = time.Duration(*keys.ThrottleInterval) * time.Second
	}
	switch value := keys.KeepAlive.(type) {
	case bool:
		job.always = value
	case map[string]any:
		successful, ok := value["SuccessfulExit"].(bool)
		if !ok || successful || len(value) != 1 {
			t.Fatalf("KeepAlive is %v, which is not emulated", value)
		}
		job.onFailure = true
	}
	return job
}

// Run has launchd keep a program for that long, and returns the start times of its processes. The program gets the
// remaining time, and returns its exit code when it ends by itself. A program that runs until that time is over returns
// then, and is not started again.
func (j Job) Run(limit time.Duration, program func(left time.Duration) (exitCode int)) (starts []time.Time) {
	end := time.Now().Add(limit)
	for time.Now().Before(end) {
		start := time.Now()
		starts = append(starts, start)
		code := program(time.Until(end))
		if !j.always && (!j.onFailure || code == 0) {
			return starts
		}
		time.Sleep(max(0, j.throttle-time.Since(start)))
	}
	return starts
}

// MostInAnHour returns the highest number of restarts within one hour; the first start is not a restart.
func MostInAnHour(starts []time.Time) (most int) {
	for first := 1; first < len(starts); first++ {
		last := first
		for last < len(starts) && starts[last].Sub(starts[first]) < time.Hour {
			last++
		}
		most = max(most, last-first)
	}
	return most
}
