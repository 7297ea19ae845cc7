package lazyregexp_test

import (
	"testing"

	"usher.internal/internal/lazyregexp"
)

func TestCompiledWhenUsed(t *testing.T) {
	broken := lazyregexp.New("(")
	defer func() {
		if recover() == nil {
			t.Error("a broken expression was used without a panic")
		}
	}()
	if one := lazyregexp.New(`(\d+)`); !one.MatchString("a1") || one.FindStringSubmatch("a12")[1] != "12" {
		t.Error("does not find")
	}
	broken.MatchString("")
}
