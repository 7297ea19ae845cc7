package gate_test

import (
	"log/slog"
	"slices"
	"testing"

	"usher.internal/helper/gate"
	"usher.internal/helper/handlers"
)

func TestEveryMethodHasAnEntryAndEveryEntryAMethod(t *testing.T) {
	server := gate.New(gate.Config{Logger: slog.New(slog.DiscardHandler)})
	defer server.Stop()
	handlers.Register(server, handlers.Config{})
	var methods []string
	for service, info := range server.GetServiceInfo() {
		for _, method := range info.Methods {
			name := "/" + service + "/" + method.Name
			methods = append(methods, name)
			if !slices.Contains(gate.Authorized(), name) {
				t.Errorf("%s has no entry in the authorisation table", name)
			}
		}
	}
	if len(methods) < 10 {
		t.Fatalf("the server has only %d methods: %v", len(methods), methods)
	}
	for _, name := range gate.Authorized() {
		if !slices.Contains(methods, name) {
			t.Errorf("the authorisation table has an entry for %s, which the server does not serve", name)
		}
	}
}
