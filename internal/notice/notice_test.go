package notice_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"usher.internal/internal/notice"
)

func TestSignalIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signal := notice.NewSignal()
		woken := 0
		go func() {
			for range signal {
				woken++
			}
		}()
		for range 3 { // set while the waiter waits
			signal.Set()
			synctest.Wait()
		}
		if woken != 3 {
			t.Errorf("woken %d times", woken)
		}
		for range 3 { // set while the waiter is busy: it does not run before Wait
			signal.Set()
		}
		close(signal)
		synctest.Wait()
		if woken < 4 {
			t.Errorf("woken %d times, a notice was lost", woken)
		}
	})
	signal := notice.NewSignal()
	for range 3 {
		signal.Set() // nobody waits
	}
	<-signal
	select {
	case <-signal:
		t.Error("several changes are two notices")
	default:
	}
}

func TestBroadcastWakesEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broadcast notice.Broadcast
		broadcast.Send() // nobody waits, and this wakes nobody later
		var woken atomic.Int32
		for range 3 {
			next := broadcast.Next()
			go func() { <-next; woken.Add(1) }()
		}
		synctest.Wait()
		if woken.Load() != 0 {
			t.Errorf("%d were woken too early", woken.Load())
		}
		broadcast.Send()
		synctest.Wait()
		if woken.Load() != 3 {
			t.Errorf("%d of 3 were woken", woken.Load())
		}
		select {
		case <-broadcast.Next():
			t.Error("a notice was given twice")
		default:
		}
	})
}

// A change between the look and the wait is not missed.
func TestBroadcastLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const changes = 1000
		var broadcast notice.Broadcast
		var value, seen atomic.Int32
		go func() {
			for seen.Load() < changes {
				next := broadcast.Next()
				seen.Store(value.Load())
				if seen.Load() < changes {
					<-next
				}
			}
		}()
		for range changes {
			value.Add(1)
			broadcast.Send()
		}
		synctest.Wait() // a waiter that missed the last change would wait for ever
		if seen.Load() != changes {
			t.Errorf("%d of %d changes were seen", seen.Load(), changes)
		}
	})
}

// No other production code sends a notice itself: neither with a select whose default does nothing, nor by closing a
// channel and replacing it.
func TestOneHome(t *testing.T) {
	root := filepath.Join("..", "..")
	looked := 0
	for _, top := range []string{"cmd", "ctl", "helper", "useragent", "internal", "launchd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, entry fs.DirEntry, err error) error {
			if os.IsNotExist(err) || entry != nil && entry.Name() == "notice" {
				return fs.SkipDir
			}
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			looked++
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, at := range homes(file) {
				t.Errorf("%s: use internal/notice", files.Position(at))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 300 {
		t.Errorf("only %d files were looked at", looked)
	}
}

// TestOneHome's search finds the patterns.
func TestHomesAreFound(t *testing.T) {
	for text, want := range map[string]int{
		"select { case s.c <- struct{}{}: default: }":           1,
		"select { case s.c <- struct{}{}: default: return }":    0,
		"select { case s.c <- struct{}{}: case <-ctx.Done(): }": 0,
		"close(s.c); s.c = make(chan struct{})":                 1,
		"close(s.c); s.d = make(chan struct{})":                 0,
		"if s.c != nil { close(s.c); s.c = nil }":               1,
		"close(*c); *c = nil":                                   1,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package x\nfunc f() { "+text+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if found := len(homes(file)); found != want {
			t.Errorf("%s: found %d, want %d", text, found, want)
		}
	}
}

func homes(file *ast.File) (found []token.Pos) {
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectStmt:
			if sendsNotice(node) {
				found = append(found, node.Pos())
			}
		case *ast.BlockStmt:
			for i := range node.List[:max(len(node.List)-1, 0)] {
				if replacesClosed(node.List[i], node.List[i+1]) {
					found = append(found, node.List[i].Pos())
				}
			}
		}
		return true
	})
	return found
}

// sendsNotice reports whether a select sends an empty value, and does nothing where that would block.
func sendsNotice(node *ast.SelectStmt) bool {
	sends, ignores := false, false
	for _, one := range node.Body.List {
		clause := one.(*ast.CommClause)
		if clause.Comm == nil && len(clause.Body) == 0 {
			ignores = true
		}
		if send, ok := clause.Comm.(*ast.SendStmt); ok {
			value, ok := send.Value.(*ast.CompositeLit)
			sends = ok && isEmptyStruct(value.Type)
		}
	}
	return sends && ignores
}

func isEmptyStruct(kind ast.Expr) bool {
	structure, ok := kind.(*ast.StructType)
	return ok && structure.Fields.NumFields() == 0
}

// replacesClosed reports whether one statement closes a channel and the next one replaces it by another or by nil.
func replacesClosed(first, second ast.Stmt) bool {
	expression, ok := first.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := expression.X.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 || name(call.Fun) != "close" {
		return false
	}
	assigned, ok := second.(*ast.AssignStmt)
	return ok && len(assigned.Lhs) == 1 && name(assigned.Lhs[0]) == name(call.Args[0])
}

// name returns a variable or a field as written.
func name(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		return expression.Name
	case *ast.SelectorExpr:
		return name(expression.X) + "." + expression.Sel.Name
	case *ast.StarExpr:
		return "*" + name(expression.X)
	}
	return ""
}
