package jamfpro

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultVersion is the server's version if [Options] name none.
const DefaultVersion = "11.30.1-t1783900000000"

// generations are the versions of computers-inventory, with the release of Jamf Pro that added each and the one that
// removes it. The removals are made up, for Jamf has only announced "at least a year" [CHANGELOG].
var generations = map[string]struct{ since, until int }{
	"v2": {1118, 1200},
	"v3": {1123, 1300},
	"v4": {1130, 1400},
}

// release is a version as a number, 1130 for 11.30.1.
func release(version string) int {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	first, _ := strconv.Atoi(major)
	second, _ := strconv.Atoi(minor)
	return first*100 + second
}

// serves reports whether the server has a version of the inventory.
func (s *Server) serves(generation string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.Generations != nil {
		return slices.Contains(s.options.Generations, generation)
	}
	known, now := generations[generation], release(s.options.Version)
	return known.since <= now && now < known.until
}

// SetVersion turns the server into another release from now on, as an upgrade does, with that release's versions of the
// inventory.
func (s *Server) SetVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Version, s.options.Generations = version, nil
}

// inventoryRoutes adds the inventory in every generation.
func (s *Server) inventoryRoutes(add func(pattern, privilege, contentType string, answer endpoint)) {
	for generation := range maps.Keys(generations) {
		list, detail := "/api/"+generation+"/computers-inventory", "/api/"+generation+"/computers-inventory-detail/{id}"
		add("GET "+list, ReadComputers, "", s.listComputers)
		add("GET "+list+"/{id}", ReadComputers, "", s.getComputer)
		add("GET "+detail, ReadComputers, "", s.getComputerDetail)
		add("PATCH "+detail, UpdateComputers, contentTypeJSON, s.updateComputer)
	}
}

// generationOf returns the generation that a request of the inventory names, "" for other requests.
func generationOf(r *http.Request) string {
	parts := strings.SplitN(r.URL.Path, "/", 5)
	if len(parts) < 4 || parts[1] != "api" || !strings.HasPrefix(parts[3], "computers-inventory") {
		return ""
	}
	return parts[2]
}

// refuseRetired answers for a generation that the server does not have. Jamf Pro's web server does so in HTML, its API
// in JSON.
func (s *Server) refuseRetired(w http.ResponseWriter, r *http.Request) bool {
	generation := generationOf(r)
	if generation == "" || s.serves(generation) {
		return false
	}
	switch {
	case s.options.Gateway != nil: // for the gateway, an unpublished call is a missing permission
		refuse(http.StatusForbidden, "BAD_PERMISSIONS", "", "Forbidden").write(w)
	case s.options.RetiredInHTML:
		writePage(w, http.StatusNotFound, 0, notFoundPage)
	default:
		refuse(http.StatusNotFound, "NOT_FOUND", "", "There is nothing at "+r.Method+" "+r.URL.Path).write(w)
	}
	return true
}

const notFoundPage = `<!doctype html><html lang="en"><head><title>HTTP Status 404 – Not Found</title></head>
<body><h1>HTTP Status 404 – Not Found</h1></body></html>
`

// contactFields are the names for the times of a record's last contact, of any kind and of the jamf binary's, by
// generation.
func contactFields(generation string) []string {
	if generation == "v4" {
		return []string{"lastContact", "lastCheckIn"}
	}
	return []string{"lastContactTime"}
}

// Gateway is the gateway of Jamf's Platform API in front of the server, with the one scope of its client [PLATFORM].
type Gateway struct{ EnvironmentID, TenantID string }

const (
	gatewayTokenPath     = "/auth/token"
	gatewayRoot          = "/pro/"
	gatewayTokenLifetime = 15 * time.Minute
)

// throughGateway answers for the gateway, or turns a request into the one for the server.
func (s *Server) throughGateway(w http.ResponseWriter, r *http.Request) (passed bool) {
	gateway := s.options.Gateway
	if gateway == nil || r.URL.Path == inventoryPath {
		return true
	}
	if r.URL.Path == gatewayTokenPath {
		r.URL.Path = tokenPath
		return true
	}
	rest, ok := strings.CutPrefix(r.URL.Path, gatewayRoot)
	if !ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "404 page not found\n")
		return false
	}
	environment, tenant := r.Header.Get("X-Environment-Id"), r.Header.Get("X-Tenant-Id")
	switch {
	case environment == "" && tenant == "":
		refuse(http.StatusBadRequest, "REQUEST_CONTEXT_NOT_PROVIDED", "",
			"The request context could not be detected.").write(w)
		return false
	case environment != gateway.EnvironmentID || tenant != gateway.TenantID:
		refuse(http.StatusForbidden, "OWNERSHIP_FORBIDDEN", "", "Forbidden").write(w)
		return false
	}
	r.URL.Path = "/api/" + rest
	return true
}
