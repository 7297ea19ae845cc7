package main

import (
	"context"
	"slices"
	"time"
)

// subject is one of the things that are measured in turns.
type subject struct {
	do func(ctx context.Context) error
	// turns are how long each time took, turn by turn.
	turns [][]float64
}

// takeTurns has each subject do its work, block times in a row, round after round, and keeps how long each time took.
// Who begins changes from round to round. A first round warms up and is not kept.
func takeTurns(ctx context.Context, rounds, block int, subjects ...*subject) error {
	for round := -1; round < rounds; round++ {
		for i := range subjects {
			s := subjects[(i+round+1)%len(subjects)]
			var turn []float64
			for range block {
				if err := ctx.Err(); err != nil {
					return context.Cause(ctx)
				}
				began := time.Now()
				if err := s.do(ctx); err != nil {
					return err
				}
				turn = append(turn, float64(time.Since(began)))
			}
			if round >= 0 {
				s.turns = append(s.turns, turn)
			}
		}
	}
	return nil
}

func (s *subject) median() float64 { return median(slices.Concat(s.turns...)) }

// ratio is how much longer s took than reference: the median over the rounds. Each round measures both within moments,
// so other work of the machine distorts the ratio less.
func (s *subject) ratio(reference *subject) float64 {
	var ratios []float64
	for i := range min(len(s.turns), len(reference.turns)) {
		ratios = append(ratios, median(s.turns[i])/median(reference.turns[i]))
	}
	return median(ratios)
}

// beside is a row of two subjects that took turns.
func (s *subject) beside(reference *subject, measure, referenceName string, g *goal) row {
	return row{
		Measure: measure, Unit: duration, Median: s.median(), Goal: g,
		Reference: referenceName, ReferenceMedian: reference.median(), Ratio: s.ratio(reference),
	}
}

// alone is a row of a subject that has no reference.
func (s *subject) alone(measure string, g *goal) row {
	return row{Measure: measure, Unit: duration, Median: s.median(), Goal: g}
}

func median(samples []float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
