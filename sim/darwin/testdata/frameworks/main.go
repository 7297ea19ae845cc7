//go:build darwin

// Command frameworks uses the frameworks of the loader that usher does not call yet, and writes the results: "notice",
// "question", "timeout", "cancel", "observe" and "console".
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/ebitengine/purego"

	"usher.internal/internal/corefoundation"
)

type ref = corefoundation.Ref

var notifications struct {
	create         func(allocator ref, timeout float64, flags uint, status *int32, texts ref) ref
	receive        func(notification ref, timeout float64, response *uint) int32
	cancel         func(notification ref) int32
	notice         func(timeout float64, flags uint, icon, sound, locale, header, message, button ref) int32
	localCenter    func() ref
	addObserver    func(center ref, observer, callback uintptr, name, object ref, behaviour int)
	removeObserver func(center ref, observer uintptr, name, object ref)
	post           func(center, name, object, information ref, atOnce bool)
}

var consoleUser func(store ref, user, group *uint32) ref

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(argument string) error {
	_, err := corefoundation.Load("CoreFoundation", map[string]any{
		"CFUserNotificationCreate":             &notifications.create,
		"CFUserNotificationReceiveResponse":    &notifications.receive,
		"CFUserNotificationCancel":             &notifications.cancel,
		"CFUserNotificationDisplayNotice":      &notifications.notice,
		"CFNotificationCenterGetLocalCenter":   &notifications.localCenter,
		"CFNotificationCenterAddObserver":      &notifications.addObserver,
		"CFNotificationCenterRemoveObserver":   &notifications.removeObserver,
		"CFNotificationCenterPostNotification": &notifications.post,
	})
	if err != nil {
		return err
	}
	if _, err := corefoundation.Load("SystemConfiguration",
		map[string]any{"SCDynamicStoreCopyConsoleUser": &consoleUser}); err != nil {
		return err
	}
	text, err := corefoundation.NewString("Register this \"Mac\"")
	if err != nil {
		return err
	}
	defer corefoundation.Release(text)
	switch argument {
	case "notice":
		fmt.Println(notifications.notice(3, 2, 0, 0, 0, text, 0, 0))
	case "question", "timeout", "cancel":
		return question(argument)
	case "observe":
		observe(text)
	case "console":
		var user, group uint32
		name := consoleUser(0, &user, &group)
		fmt.Println(name != 0, user, group)
		corefoundation.Release(name)
	}
	return nil
}

// question asks the user, and writes the status and the response.
func question(argument string) error {
	key, err := corefoundation.NewString("AlertHeader")
	if err != nil {
		return err
	}
	defer corefoundation.Release(key)
	texts, err := corefoundation.NewDictionary(key, key)
	if err != nil {
		return err
	}
	defer corefoundation.Release(texts)
	timeout := map[string]float64{"timeout": 0.05}[argument]
	var status int32
	notification := notifications.create(0, timeout, 0, &status, texts)
	if notification == 0 {
		fmt.Println("none", status)
		return nil
	}
	defer corefoundation.Release(notification)
	if argument == "cancel" {
		ended := make(chan int32)
		go func() { ended <- notifications.cancel(notification) }()
		defer func() { fmt.Println("cancelled", <-ended) }()
	}
	response := uint(99)
	begun := time.Now()
	status = notifications.receive(notification, 0, &response)
	fmt.Println(status, response, time.Since(begun) >= time.Duration(timeout*float64(time.Second)))
	return nil
}

// observe counts the calls of an observer for a name, also after its removal.
func observe(name ref) {
	calls := 0
	callback := purego.NewCallback(func(center, observer, name, object, information uintptr) { calls++ })
	center := notifications.localCenter()
	notifications.addObserver(center, 1, callback, name, 0, 0)
	notifications.post(center, name, 0, 0, true)
	fmt.Println(calls)
	notifications.removeObserver(center, 1, name, 0)
	notifications.post(center, name, 0, 0, true)
	fmt.Println(calls)
}
