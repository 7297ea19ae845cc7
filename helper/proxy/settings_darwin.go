package proxy

import (
	"errors"
	"fmt"
	"sync"

	"usher.internal/internal/corefoundation"
)

var systemConfiguration struct {
	copyProxies func(store corefoundation.Ref) corefoundation.Ref
}

var loadSystemConfiguration = sync.OnceValue(func() error {
	_, err := corefoundation.Load("SystemConfiguration", map[string]any{
		"SCDynamicStoreCopyProxies": &systemConfiguration.copyProxies,
	})
	return err
})

// errNoSettings: the function returns NULL if it fails.
var errNoSettings = errors.New("SCDynamicStoreCopyProxies returned nothing")

// platformSettings asks configd. The function opens a store itself if it gets none [APPLE-SC].
func platformSettings() (System, error) {
	if err := loadSystemConfiguration(); err != nil {
		return System{}, fmt.Errorf("read proxy settings: %w", err)
	}
	settings := systemConfiguration.copyProxies(0)
	if settings == 0 {
		return System{}, fmt.Errorf("read proxy settings: %w", errNoSettings)
	}
	defer corefoundation.Release(settings) // the caller owns what a function with Copy in its name returns
	content, err := corefoundation.PropertyList(settings)
	if err != nil {
		return System{}, fmt.Errorf("read proxy settings: %w", err)
	}
	return ParseSystem(content)
}
