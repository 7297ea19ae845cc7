package jamfpro

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPageSize = 100
	maximumPageSize = 2000
)

// searchResults is a page of items with the total number [SPEC].
type searchResults[T any] struct {
	TotalCount int `json:"totalCount"`
	Results    []T `json:"results"`
}

// search filters, sorts and pages items by a query; get reads a field of an item, and fields are the known ones.
func search[T any](query url.Values, items []T, fields []string, defaultSort string,
	get func(item T, field string) string) (*searchResults[T], *apiError) {
	matches, err := parseFilter(query.Get("filter"), fields)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "INVALID_FILTER", "filter", "The filter is invalid: "+err.Error())
	}
	page, refused := number(query, "page", 0, 0, 1<<31)
	if refused != nil {
		return nil, refused
	}
	size, refused := number(query, "page-size", defaultPageSize, 1, maximumPageSize)
	if refused != nil {
		return nil, refused
	}
	var found []T
	for _, item := range items {
		if matches(func(field string) string { return get(item, field) }) {
			found = append(found, item)
		}
	}
	if refused := sortBy(query, found, fields, defaultSort, get); refused != nil {
		return nil, refused
	}
	results := &searchResults[T]{TotalCount: len(found), Results: []T{}}
	if begin := page * size; begin < len(found) {
		results.Results = found[begin:min(begin+size, len(found))]
	}
	return results, nil
}

func number(query url.Values, name string, fallback, least, most int) (int, *apiError) {
	text := query.Get(name)
	if text == "" {
		return fallback, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		return 0, refuse(http.StatusBadRequest, "INVALID_PARAMETER", name, name+" is out of range")
	}
	return value, nil
}

// sortBy sorts by criteria of the form field:asc or field:desc, the most important first.
func sortBy[T any](query url.Values, items []T, fields []string, fallback string,
	get func(T, string) string) *apiError {
	criteria := strings.Join(query["sort"], ",")
	if criteria == "" {
		criteria = fallback
	}
	type criterion struct {
		field     string
		direction int
	}
	var all []criterion
	for _, one := range strings.Split(criteria, ",") {
		field, direction, _ := strings.Cut(one, ":")
		sign, ok := map[string]int{"": 1, "asc": 1, "desc": -1}[direction]
		if !ok || !slices.Contains(fields, field) {
			return refuse(http.StatusBadRequest, "INVALID_SORT", "sort", "Sorting by "+one+" is not allowed")
		}
		all = append(all, criterion{field, sign})
	}
	slices.SortStableFunc(items, func(a, b T) int {
		for _, one := range all {
			if order := strings.Compare(get(a, one.field), get(b, one.field)); order != 0 {
				return order * one.direction
			}
		}
		return 0
	})
	return nil
}
