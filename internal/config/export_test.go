package config

// IsSecretLike is isSecretLike, for tests.
var IsSecretLike = isSecretLike

// SecretKeys returns the keys whose rows are marked as secret.
func SecretKeys() (keys []string) {
	for _, row := range rows() {
		if row.secret {
			keys = append(keys, row.Name)
		}
	}
	return keys
}
