package jamfpro

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The default API client, if [Options] name none.
const (
	DefaultClientID     = "usher"
	DefaultClientSecret = "usher-sim-secret"
)

// Client is an API client ("API roles and clients" in Jamf Pro).
type Client struct {
	ID, Secret string
	// Privileges are those of the client's role; nil means all, empty means none.
	Privileges []string
	// TokenLifetime is the lifetime of its tokens; zero means the server's.
	TokenLifetime time.Duration
}

// grant is the right that a token gives.
type grant struct {
	clientID string
	expires  time.Time
}

// issueToken is the client credentials grant. Its errors have the form of OAuth, RFC 6749 section 5.2.
func (s *Server) issueToken(w http.ResponseWriter, r *http.Request) {
	if refused := checkContentType(r, contentTypeForm); refused != nil {
		refused.write(w)
		return
	}
	if err := r.ParseForm(); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	if r.PostForm.Get("grant_type") != "client_credentials" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	token, lifetime, ok := s.grant(r.PostForm.Get("client_id"), r.PostForm.Get("client_secret"))
	if !ok {
		s.refuseClient(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime / time.Second), "scope": "api-role:1",
	})
}

// refuseClient answers for an unknown client or a wrong secret, as RFC 6749 section 5.2 says, which Jamf Pro follows
// since 11.30 [SPEC].
func (s *Server) refuseClient(w http.ResponseWriter) {
	s.mu.Lock()
	now := release(s.options.Version)
	s.mu.Unlock()
	if now < 1130 {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	writeJSON(w, http.StatusBadRequest,
		map[string]string{"error": "invalid_client", "error_description": "Client authentication failed"})
}

// grant makes a token for a client; it returns false for a wrong client or secret.
func (s *Server) grant(clientID, secret string) (token string, lifetime time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	client, ok := s.clients[clientID]
	if !ok || subtle.ConstantTimeCompare([]byte(client.Secret), []byte(secret)) != 1 {
		return "", 0, false
	}
	lifetime = client.TokenLifetime
	if lifetime <= 0 {
		lifetime = s.options.TokenLifetime
	}
	token = rand.Text() + rand.Text()
	s.tokens[token] = grant{clientID: client.ID, expires: s.options.Now().Add(lifetime)}
	return token, lifetime, true
}

// bearer returns the token of a request, empty if it has none.
func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// authorize checks that the request has a valid token, and that its client has the privilege.
func (s *Server) authorize(r *http.Request, privilege string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	granted, ok := s.tokens[bearer(r)]
	if !ok || !s.options.Now().Before(granted.expires) {
		delete(s.tokens, bearer(r))
		return refuse(http.StatusUnauthorized, "INVALID_TOKEN", "token", "Unauthorized")
	}
	client := s.clients[granted.clientID]
	if privilege != anyToken && client.Privileges != nil && !slices.Contains(client.Privileges, privilege) {
		code := "INVALID_PRIVILEGE"
		if s.options.Gateway != nil {
			code = "BAD_PERMISSIONS"
		}
		return refuse(http.StatusForbidden, code, "", "Forbidden")
	}
	return nil
}

func (s *Server) invalidateToken(r *http.Request) (int, any, *apiError) {
	s.revoke(bearer(r))
	return http.StatusNoContent, nil, nil
}

func (s *Server) revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// RevokeTokens makes all earlier tokens invalid.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// SetPrivileges changes the privileges of a client's role, from its next call on; nil means all. An unknown client is
// ignored.
func (s *Server) SetPrivileges(clientID string, privileges []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client, ok := s.clients[clientID]; ok {
		client.Privileges = privileges
	}
}

// SetSecret rotates the secret of a client. Existing tokens remain valid. An unknown client is ignored.
func (s *Server) SetSecret(clientID, secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if client, ok := s.clients[clientID]; ok {
		client.Secret = secret
	}
}
