package main

import (
	"slices"
	"testing"
)

func TestNotifyMarkupIsShownAsText(t *testing.T) {
	if got := notifyArguments("<b>", "<b>&</b>"); !slices.Equal(got, []string{"--app-name=usher", "--", "<b>", "&lt;b&gt;&amp;&lt;/b&gt;"}) {
		t.Errorf("arguments %q", got)
	}
}
