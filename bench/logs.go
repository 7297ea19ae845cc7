package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"usher.internal/internal/applog"
)

// The goals of the log readers.
const (
	// readGoal compares the time to read a log with the time in which grep counts its entries; ndjsonGoal compares with
	// jq.
	readGoal   = 4
	ndjsonGoal = 0.1
	// timelineMemory is the limit for a timeline of a log of 1 GB. timelineStart is the limit for the time to the first
	// line of a timeline of 200 MB; it is at most ten times what grep needs here.
	timelineMemory = 50e6
	timelineStart  = 1e9
)

const (
	logSize   = 200 << 20
	jsonSize  = 40 << 20
	hugeSize  = 1 << 30
	logRounds = 5
)

// readLogRole is the first argument that makes this program read a log and count its entries.
const readLogRole = "read-log"

func readLog(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	count := 0
	for record, err := range applog.Read(context.Background(), file, applog.Options{}) {
		if err != nil {
			return err
		}
		if record.Kind == applog.Entry {
			count++
		}
	}
	fmt.Println(count)
	return nil
}

// A logSample is a log for the measurements, in blocks of one minute's events.
type logSample struct {
	name, file string
	// entry is in each entry; grep counts it.
	entry string
	block func(at time.Time, n int) string
}

var logSamples = []logSample{
	{"Company Portal 2018", "portal2018.log", " TID=", func(at time.Time, n int) string {
		head := at.Format("2006-01-02 15:04:05.000")
		return fmt.Sprintf("%[1]s INFO com.microsoft.ssp.application TID=%[2]d AppDelegate.swift: 96 "+
			"(applicationDidBecomeActive(_:)) Became active, %[2]d windows\n"+
			"%[1]s INFO com.microsoft.ssp.workplaceJoinSdk TID=%[2]d WorkplaceJoinManager.swift: 845 "+
			"(workplaceClient(_:logMessage:)) INFO: [2026-04-27 03:07:19 +0000]getRegistrationInformation: Looking "+
			"for the certificate\n"+
			"%[1]s VERB com.microsoft.ssp.telemetry TID=%[2]d AriaTelemetryService.swift: 283 "+
			"(sendEvent(featureArea:type:eventTitle:duration:result:target:location:resultData:error:"+
			"context:workflowData:clientRequestId:shouldSanitizeStrings:))"+
			" Sending event using aria: OutgoingServiceRequest : {\n"+
			"    durationMs = 418;\n    eventTitle = \"Auth_FetchSvcToken\";\n    featureArea = Login;\n    result = "+
			"Succeeded;\n}\n", head, 7000+n%900)
	}},
	{"Company Portal 5", "portal5.log", " | ", func(at time.Time, n int) string {
		head := at.Format("2006-01-02 15:04:05.000")
		return fmt.Sprintf("%[1]s | application | %[2]d | AppDelegate.swift: 96 (applicationDidBecomeActive(_:)) | "+
			"Became active, %[2]d windows\n"+
			"%[1]s | workplaceJoinSdk | %[2]d | v3.8.1 | INFO: [2026-04-27 03:07:19 +0000][-WorkPlaceJoin "+
			"registration:2448] Looking for the certificate\n"+
			"%[1]s | telemetry | %[2]d | OneDSTelemetryService.swift: 232 "+
			"(sendEventInternal(featureArea:type:eventTitle:)) | Sending event using OneDS: InAppProcess\n", head,
			7000+n%900)
	}},
	{"jamf.log", "jamf.log", " jamf\\[", func(at time.Time, n int) string {
		head := at.Format("Mon Jan 02 15:04:05") + fmt.Sprintf(" Test’s MacBook Air (2) jamf[%d]: ", 400+n%9000)
		return head + "Checking for policies triggered by \"recurring check-in\" for user \"test\"...\n" + head +
			"Checking for patches...\n" + head + "No patch policies were found.\n"
	}},
	{"unified log, ndjson", "unified.ndjson", "", func(at time.Time, n int) string {
		return fmt.Sprintf(`{"timezoneName":"","messageType":"Default","eventType":"logEvent","source":null,`+
			`"formatString":"%%{public}s","userID":501,"activityIdentifier":0,"subsystem":"com.apple.AppSSO",`+
			`"category":"SOExtension","threadID":%d,"senderImageUUID":"0F483193-D206-362B-9874-0100BCCB9CBD",`+
			`"backtrace":{"frames":[{"imageOffset":103060,"imageUUID":"0F483193-D206-362B-9874-0100BCCB9CBD"}]},`+
			`"bootUUID":"3590A0B1-4C7D-4C4A-8E25-7C84B4D4F3B0","processImagePath":"\/System\/Library\/Frameworks\/`+
			`AppSSO.framework\/AppSSOAgent","senderImagePath":"\/usr\/lib\/libsystem.dylib","timestamp":"%s-0500",`+
			`"machTimestamp":%d,"eventMessage":"-[SOExtension beginAuthorization] handled request number `+
			`%d","processImageUUID":"4C4CDB5D-365C-32AF-BAFD-F68C76A4F625","traceID":41979461356879876,`+
			`"processID":453,"senderProgramCounter":103060,"parentActivityIdentifier":0}`+"\n",
			n%90000, at.Format("2006-01-02 15:04:05.000000"), 88435680572874+n, n)
	}},
}

// make writes the log, with at least that many bytes.
func (l logSample) make(directory string, size int) (path string, err error) {
	path = filepath.Join(directory, l.file)
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	written := 0
	for n := 0; written < size && err == nil; n++ {
		var count int
		count, err = out.WriteString(l.block(start.Add(time.Duration(n)*2*time.Second), n))
		written += count
	}
	return path, errors.Join(err, out.Flush(), file.Close())
}

// measureLogs compares the readers with programs that look at every line, and measures a timeline of large logs.
func measureLogs(ctx context.Context, directory, control string) (rows []row, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var portal string
	for _, sample := range logSamples {
		isJSON := sample.entry == ""
		size := logSize
		if isJSON {
			size = jsonSize
		}
		path, err := sample.make(directory, size)
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("log: read %s, %d MB", sample.name, size>>20)
		ours := piped(self, readLogRole, path)
		if isJSON {
			reference := piped("jq", "-c", ".", path)
			if _, err := exec.LookPath("jq"); err != nil {
				rows = append(rows, row{Measure: name, Unit: duration, Reference: "jq -c .",
					Goal: &goal{Ratio: ndjsonGoal}, Failed: err.Error()})
			} else if err := takeTurns(ctx, 2, 1, ours, reference); err != nil {
				return nil, err
			} else {
				rows = append(rows, ours.beside(reference, name, "jq -c .", &goal{Ratio: ndjsonGoal}))
			}
		} else {
			reference := piped("grep", "-c", sample.entry, path)
			if err := takeTurns(ctx, logRounds, 1, ours, reference); err != nil {
				return nil, err
			}
			rows = append(rows, ours.beside(reference, name, "grep -c, its entries", &goal{Ratio: readGoal}))
		}
		if portal == "" {
			portal = path
			continue
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	first := piped(control, "timeline", portal)
	if err := takeTurns(ctx, logRounds, 1, first); err != nil {
		return nil, err
	}
	rows = append(rows, first.alone(fmt.Sprintf("timeline: of %d MB, to the first line", logSize>>20),
		&goal{AtMost: timelineStart}))
	huge, err := logSamples[0].make(directory, hugeSize)
	if err != nil {
		return nil, err
	}
	used, err := peakMemory(ctx, control, "timeline", huge)
	if err != nil {
		return nil, err
	}
	rows = append(rows, row{Measure: "timeline: memory for a log of 1 GB", Unit: memory, Median: used,
		Goal: &goal{AtMost: timelineMemory}})
	return rows, os.Remove(huge)
}

// piped is a subject that runs a program whose output goes into a pipe. With /dev/null as its output, grep stops at the
// first line.
func piped(name string, arguments ...string) *subject {
	return &subject{do: func(ctx context.Context) error {
		command := exec.CommandContext(ctx, name, arguments...)
		command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/"}
		command.Stdout = struct{ io.Writer }{io.Discard} // hidden, so that it is a pipe
		var problem bytes.Buffer
		command.Stderr = &problem
		if err := command.Run(); err != nil {
			return fmt.Errorf("run %s: %w: %s", name, err, strings.TrimSpace(problem.String()))
		}
		return nil
	}}
}

// peakMemory runs a program and returns its peak memory in bytes.
func peakMemory(ctx context.Context, name string, arguments ...string) (float64, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stdout = struct{ io.Writer }{io.Discard}
	if err := command.Run(); err != nil {
		return 0, fmt.Errorf("run %s: %w", name, err)
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0, errors.New("the system does not report how much memory a process had")
	}
	return float64(usage.Maxrss) * 1024, nil
}
