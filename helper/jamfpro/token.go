package jamfpro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// credentials identify the API client; they never hold the secret itself.
type credentials struct {
	id         string
	secretFile string
}

// token is an access token, the time when usher got it, how long usher uses it, and the file of its secret.
type token struct {
	access sealed
	got    instant
	usable time.Duration
	secret os.FileInfo
}

// instant is the time on two clocks. Somebody can set the wall clock; the monotonic clock does not advance while a Mac
// sleeps.
type instant struct {
	wall  time.Time
	awake time.Duration
}

func (c *Client) instant() instant {
	now := c.now()
	return instant{now.Round(0), now.Sub(c.started)}
}

// isOver reports whether the token must not be used any more: one of the clocks says so, or the wall clock was set
// back. In that case nobody knows how long the Mac has slept.
func (t token) isOver(now instant) bool {
	return now.wall.Before(t.got.wall) || now.wall.Sub(t.got.wall) >= t.usable || now.awake-t.got.awake >= t.usable
}

// token0 is the empty token.
var token0 token

// spare is how long before its end a token is no longer used. An API client's tokens may live for as little as a
// minute.
func spare(lifetime time.Duration) time.Duration { return min(lifetime/4, 30*time.Second) }

// accessToken returns the cached token, or gets a new one with the client credentials grant. A token is no longer used
// when the file of the secret has been replaced or removed: the admin who did that wants the old secret out of use.
func (c *Client) accessToken(ctx context.Context) (sealed, error) {
	if c.token.access.open() != "" && !c.token.isOver(c.instant()) &&
		isSameSecret(c.credentials.secretFile, c.token.secret) {
		return c.token.access, nil
	}
	c.token = token0
	secret, err := ReadClientSecret(c.credentials.secretFile)
	if err != nil {
		return sealed{}, fmt.Errorf("%s: %w", c.server.tokens[0].operation, err)
	}
	asked := request{
		form: url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {c.credentials.id},
			"client_secret": {secret.open()},
		},
		sensitive: []string{secret.open(), url.QueryEscape(secret.open()), c.credentials.id},
	}
	var answer struct {
		AccessToken string  `json:"access_token"`
		TokenType   string  `json:"token_type"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	var which call
	for _, which = range c.server.tokens {
		err = c.exchange(ctx, which, asked, sealed{}, &answer)
		if refused, ok := errors.AsType[*APIError](err); !ok || refused.Status != http.StatusNotFound {
			break
		}
	}
	if err != nil {
		return sealed{}, err
	}
	if !usableToken(answer.AccessToken) || !strings.EqualFold(answer.TokenType, "Bearer") && answer.TokenType != "" {
		return sealed{}, c.server.malformed(which, errors.New("answered without a usable bearer token"))
	}
	lifetime := time.Duration(min(max(answer.ExpiresIn, 0), 24*60*60) * float64(time.Second))
	c.token.access, c.token.secret = seal(answer.AccessToken), secret.file
	c.token.got, c.token.usable = c.instant(), lifetime-spare(lifetime)
	return c.token.access, nil
}

// isSameSecret reports whether the file at path is still the one that was read.
func isSameSecret(path string, read os.FileInfo) bool {
	now, err := os.Stat(path)
	return err == nil && os.SameFile(now, read) && now.Size() == read.Size() && now.ModTime().Equal(read.ModTime())
}

// usableToken reports whether the text can be sent in a header.
func usableToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
