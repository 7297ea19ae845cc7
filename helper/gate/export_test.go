package gate

// Authorized returns the methods in the authorisation table.
func Authorized() (methods []string) {
	for method := range authorization {
		methods = append(methods, method)
	}
	return methods
}
