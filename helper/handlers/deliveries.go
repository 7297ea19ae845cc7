package handlers

import (
	"context"

	"usher.internal/helper/delivery"
	usherv1 "usher.internal/proto/usher/v1"
)

// Outbox is the services' view of the way to Jamf Pro.
type Outbox interface {
	List(includeEnded bool, limit int) ([]delivery.Delivery, error)
	Flush() (due int, err error)
}

type deliveryService struct {
	usherv1.UnsafeDeliveryServiceServer
	outbox        Outbox
	configuration Configuration
}

func (s *deliveryService) ListDeliveries(_ context.Context,
	request *usherv1.ListDeliveriesRequest) (*usherv1.ListDeliveriesResponse, error) {
	found, err := s.outbox.List(request.GetIncludeEnded(), listed(request.GetLimit()))
	if err != nil {
		return nil, err
	}
	response := &usherv1.ListDeliveriesResponse{Mode: string(s.configuration.Current().Delivery.Mode)}
	for _, one := range found {
		response.Deliveries = append(response.Deliveries, one.Proto())
	}
	return response, nil
}

func (s *deliveryService) FlushDeliveries(context.Context,
	*usherv1.FlushDeliveriesRequest) (*usherv1.FlushDeliveriesResponse, error) {
	due, err := s.outbox.Flush()
	if err != nil {
		return nil, err
	}
	return &usherv1.FlushDeliveriesResponse{Due: int32(due)}, nil
}
