package gate

// Authorized are the methods of the authorisation table.
func Authorized() (methods []string) {
	for method := range authorization {
		methods = append(methods, method)
	}
	return methods
}
