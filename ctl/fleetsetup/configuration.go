package fleetsetup

import (
	"bytes"
	_ "embed"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/template"
)

//go:embed nats-server.conf.tmpl
var configurationText string

var configurationTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("nats-server.conf").Option("missingkey=error").Parse(configurationText))
})

// configuration is the configuration of the server with that number.
func configuration(options Options, number int, identities *identities) []byte {
	host := options.Servers[number]
	listen := "0.0.0.0"
	if net.ParseIP(host) != nil {
		listen = host
	}
	if strings.Contains(listen, ":") {
		listen = "[" + listen + "]"
	}
	var routes []string
	for _, other := range options.Servers {
		if other != host {
			routes = append(routes, "nats-route://"+net.JoinHostPort(other, strconv.Itoa(options.ClusterPort)))
		}
	}
	var text bytes.Buffer
	err := configurationTemplate().Execute(&text, map[string]any{
		"Organization": options.Organization,
		"Name":         host,
		"Listen":       listen,
		"Port":         options.Port,
		"ClusterPort":  options.ClusterPort,
		"Routes":       routes,
		"Install":      filepath.Clean(options.InstallDirectory),
		"Store":        filepath.Clean(options.StoreDirectory),
		"StorageBytes": options.StorageBytes,
		"Payload":      maximumPayload,
		"Operator":     identities.operator,
		"System":       identities.systemKey,
		"SystemJWT":    identities.system,
		"Account":      identities.accountKey,
		"AccountJWT":   identities.account,
		"Admins":       identities.adminsKey,
		"AdminsJWT":    identities.admins,
	})
	if err != nil {
		panic("the configuration's template: " + err.Error()) // a test executes the template
	}
	return text.Bytes()
}
