package jamfpro

import (
	"encoding/json"
	"net/http"
)

// apiError is Jamf Pro's ApiError, the body of every refusal [SPEC].
type apiError struct {
	HTTPStatus int       `json:"httpStatus"`
	Errors     []problem `json:"errors"`
}

// problem is one reason in an [apiError].
type problem struct {
	Code        string `json:"code"`
	Description string `json:"description"`
	ID          string `json:"id"`
	Field       string `json:"field"`
}

// refuse makes an error with one reason.
func refuse(status int, code, field, description string) *apiError {
	return &apiError{HTTPStatus: status,
		Errors: []problem{{Code: code, Description: description, ID: "0", Field: field}}}
}

// badRequest makes a 400 with all the reasons.
func badRequest(problems []problem) *apiError {
	return &apiError{HTTPStatus: http.StatusBadRequest, Errors: problems}
}

func (e *apiError) write(w http.ResponseWriter) { writeJSON(w, e.HTTPStatus, e) }

// writeJSON writes an answer, empty if body is nil.
func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		status, encoded = http.StatusInternalServerError, []byte(`{"httpStatus":500,"errors":[]}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(encoded, '\n')) // the caller may have hung up
}
