package redact

import "strings"

// tokenKind is a kind of token with a known beginning.
type tokenKind struct {
	prefix string
	// shortest is how many letters, digits, hyphens and similar characters follow at least.
	shortest int
	// upper: only capital letters and digits follow.
	upper bool
}

// tokenKinds are the tokens of services that begin them in a unique way, so that leaked tokens are found.
var tokenKinds = []tokenKind{
	// GitHub
	{"ghp_", 20, false}, {"gho_", 20, false}, {"ghu_", 20, false}, {"ghs_", 20, false}, {"ghr_", 20, false},
	{"github_pat_", 20, false},
	// GitLab
	{"glpat-", 12, false}, {"gldt-", 12, false}, {"glrt-", 12, false}, {"glptt-", 12, false}, {"glcbt-", 12, false},
	{"xoxb-", 8, false}, {"xoxp-", 8, false}, {"xoxa-", 8, false}, {"xoxr-", 8, false}, {"xoxs-", 8, false},
	{"xoxe-", 8, false}, {"xoxe.", 8, false}, {"xoxc-", 8, false},
	{"xoxd-", 8, false}, {"xapp-", 8, false}, // Slack
	// Amazon
	{"AKIA", 16, true}, {"ASIA", 16, true}, {"AIDA", 16, true}, {"AROA", 16, true}, {"ABIA", 16, true},
	{"ACCA", 16, true},
	{"AIza", 30, false}, {"ya29.", 16, false}, {"GOCSPX-", 16, false}, {"1//0", 30, false}, // Google
	// Stripe
	{"sk_live_", 12, false}, {"sk_test_", 12, false}, {"rk_live_", 12, false}, {"rk_test_", 12, false},
	{"whsec_", 16, false},
	// models
	{"sk-ant-", 16, false}, {"sk-proj-", 16, false}, {"sk-svcacct-", 16, false}, {"sk-", 32, false}, {"hf_", 24, false},
	// packages
	{"npm_", 30, false}, {"pypi-", 30, false}, {"rubygems_", 24, false}, {"dckr_pat_", 16, false},
	{"dckr_oat_", 16, false},
	{"dop_v1_", 32, false}, {"doo_v1_", 32, false}, {"SG.", 30, false}, {"shpat_", 24, false}, {"shpss_", 24, false},
	{"shpca_", 24, false}, {"sq0atp-", 16, false},
	{"sq0csp-", 16, false}, {"EAACEdEose0cBA", 8, false}, {"hvs.", 20, false}, {"hvb.", 20, false},
	{"tskey-", 16, false}, {"lin_api_", 20, false}, {"PMAK-", 24, false},
	{"NRAK-", 20, false}, {"ATATT3", 24, false}, {"ATCTT3", 24, false}, {"figd_", 24, false}, {"sntrys_", 24, false},
	{"sntryu_", 24, false}, {"ops_", 40, false},
	{"glsa_", 24, false}, {"pat-na1-", 24, false}, {"AGE-SECRET-KEY-1", 24, true}, {"secret_", 32, false},
	{"ntn_", 32, false}, {"key-", 32, false},
}

// longestToken is how much of a token is examined to decide that it is one.
const longestToken = 256

// tokensByLetter are the kinds of tokens by their first letter.
var tokensByLetter = func() (table [256][]tokenKind) {
	for _, kind := range tokenKinds {
		table[kind.prefix[0]] = append(table[kind.prefix[0]], kind)
	}
	return table
}()

// webhooks are the beginnings of URLs whose path is a secret.
var webhooks = []string{"hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/",
	"webhook.office.com/webhookb2/", "outlook.office.com/webhook/",
	"discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "hooks.zapier.com/hooks/catch/",
	"api.telegram.org/bot"}

// hideTokens hides the tokens in a word that have a known beginning.
func hideTokens(word string) string {
	var out strings.Builder
	copied := 0
	hide := func(from, to int) {
		out.WriteString(word[copied:from])
		out.WriteString("[token]")
		copied = to
	}
	for at := 0; at < len(word); at++ {
		if at > 0 && (word[at-1]-'0' <= 9 || (word[at-1]|0x20)-'a' <= 25) {
			continue
		}
		if word[at] == 'h' || word[at] == 'w' || word[at] == 'd' || word[at] == 'o' || word[at] == 'a' {
			if length := prefixOf(word[at:], webhooks...); length > 0 {
				from := at + length
				end := from
				for end < len(word) && (isTokenByte(word[end]) || strings.IndexByte("/@:%", word[end]) >= 0) {
					end++
				}
				if end-from >= 8 {
					hide(from, end)
					at = end - 1
					continue
				}
			}
		}
		for _, kind := range tokensByLetter[word[at]] {
			if !strings.HasPrefix(word[at:], kind.prefix) {
				continue
			}
			end := at + len(kind.prefix)
			digits, capitals, run := 0, 0, 0
			for end < len(word) && end-at < longestToken &&
				(isTokenByte(word[end]) || kind.prefix == "SG." && word[end] == '.' ||
					kind.prefix == "ya29." && word[end] == '.') {
				switch letter := word[end]; {
				case letter-'0' <= 9:
					digits++
				case letter-'A' <= 25:
					capitals++
				case kind.upper:
					run = -len(word)
				}
				run++
				end++
			}
			if run >= kind.shortest && digits > 0 && (kind.shortest < 24 || capitals > 0 || digits > 3) {
				for end < len(word) && isTokenByte(word[end]) {
					end++
				}
				hide(at, end)
				at = end - 1
				break
			}
		}
		if end := entraSecret(word, at); end > 0 {
			hide(at, end)
			at = end - 1
		}
	}
	if copied == 0 {
		return word
	}
	out.WriteString(word[copied:])
	return out.String()
}

func isTokenByte(letter byte) bool { return isWordByte(letter) || letter == '-' }

// entraSecret returns where an Entra client secret that begins at a position ends. It has three letters, a digit, Q~,
// and 31 or more letters [the pattern of Microsoft's own scanner].
func entraSecret(word string, at int) int {
	if at+40 > len(word) || !strings.HasPrefix(word[at+4:], "Q~") || word[at+3]-'0' > 9 {
		return 0
	}
	end := at + 6
	for end < len(word) && (isTokenByte(word[end]) || word[end] == '.' || word[end] == '~') {
		end++
	}
	if end-at < 37 {
		return 0
	}
	return end
}
