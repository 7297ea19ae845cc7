package jamfpro

import (
	"encoding/json"
	"mime"
	"net/http"
)

// The privileges of an API role, as Jamf Pro spells them [SPEC].
const (
	ReadComputers               = "Read Computers"
	UpdateComputers             = "Update Computers"
	ReadExtensionAttributes     = "Read Computer Extension Attributes"
	CreateExtensionAttributes   = "Create Computer Extension Attributes"
	UpdateExtensionAttributes   = "Update Computer Extension Attributes"
	ReadDeviceCompliance        = "Read Device Compliance Information"
	ReadConditionalAccess       = "Read Conditional Access"
	anyToken                    = ""
	inventoryPath               = "/sim/inventory"
	contentTypeJSON             = "application/json"
	contentTypeForm             = "application/x-www-form-urlencoded"
	tokenPath, olderTokenPath   = "/api/v1/oauth/token", "/api/oauth/token"
	definitionsPath             = "/api/v1/computer-extension-attributes"
	compliancePath              = "/api/v1/conditional-access/device-compliance-information/computer/{id}"
	complianceFeatureTogglePath = "/api/v1/conditional-access/device-compliance/feature-toggle"
)

// endpoint answers an authorised call. The body is sent as JSON; nil is an empty answer.
type endpoint func(r *http.Request) (status int, body any, refused *apiError)

// apiRoutes is the table of everything under /api, with the privilege for each call. The inventory of the simulated
// jamf recon needs none, since the real one proves itself with the computer's own certificate.
func (s *Server) apiRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	add := func(pattern, privilege, contentType string, answer endpoint) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if refused := s.authorize(r, privilege); refused != nil {
				refused.write(w)
				return
			}
			serve(w, r, contentType, answer)
		})
	}
	s.inventoryRoutes(add)
	for _, route := range []struct {
		pattern, privilege, contentType string
		answer                          endpoint
	}{
		{"POST /api/v1/auth/invalidate-token", anyToken, "", s.invalidateToken},
		{"GET /api/v1/jamf-pro-version", anyToken, "", s.version},
		{"GET " + definitionsPath, ReadExtensionAttributes, "", s.listDefinitions},
		{"POST " + definitionsPath, CreateExtensionAttributes, contentTypeJSON, s.createDefinition},
		{"PUT " + definitionsPath + "/{id}", UpdateExtensionAttributes, contentTypeJSON, s.changeDefinition},
		{"GET " + compliancePath, ReadDeviceCompliance, "", s.getCompliance},
		{"GET " + complianceFeatureTogglePath, ReadConditionalAccess, "", s.getComplianceFeatureToggle},
	} {
		add(route.pattern, route.privilege, route.contentType, route.answer)
	}
	token := tokenPath
	if s.options.OlderTokenPath {
		token = olderTokenPath
	}
	mux.HandleFunc("POST "+token, s.issueToken)
	mux.HandleFunc("POST "+inventoryPath, func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, contentTypeJSON, s.takeInventory)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(http.StatusNotFound, "NOT_FOUND", "", "There is nothing at "+r.Method+" "+r.URL.Path).write(w)
	})
	return mux
}

// serve answers one call.
func serve(w http.ResponseWriter, r *http.Request, contentType string, answer endpoint) {
	if refused := checkContentType(r, contentType); refused != nil {
		refused.write(w)
		return
	}
	status, body, refused := answer(r)
	if refused != nil {
		refused.write(w)
		return
	}
	writeJSON(w, status, body)
}

func checkContentType(r *http.Request, wanted string) *apiError {
	if wanted == "" {
		return nil
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != wanted {
		return refuse(http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "", "Content-Type must be "+wanted)
	}
	return nil
}

// decodeBody reads the one JSON value of a request, with its numbers as written.
func decodeBody(r *http.Request) (any, *apiError) {
	decoder := json.NewDecoder(r.Body)
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, refuse(http.StatusBadRequest, "INVALID_JSON", "", "The request is not valid JSON")
	}
	if decoder.More() {
		return nil, refuse(http.StatusBadRequest, "INVALID_JSON", "", "There is more than one value in the request")
	}
	return value, nil
}

func (s *Server) version(*http.Request) (int, any, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return http.StatusOK, map[string]string{"version": s.options.Version}, nil
}
