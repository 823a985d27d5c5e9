// Copyright The yett Authors
// SPDX-License-Identifier: Apache-2.0

// Package telemetry tells how the gateway itself fares, as metrics in the text form that Prometheus reads.
//
// It stops a gateway that runs an old configuration from looking well. It holds no address, key, path or subject:
// labels are fixed words and names from the configuration.
package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"yett/alert"
)

// Metrics are the figures of one gateway. They are safe for concurrent use.
type Metrics struct {
	figures       *prometheus.Registry
	reloads       *prometheus.CounterVec
	well          prometheus.Gauge
	loaded        prometheus.Gauge
	configuration *prometheus.GaugeVec
}

// New makes the figures of a gateway. generations is asked how many configurations still have exchanges in flight.
func New(alerts *alert.Board, generations func() int) *Metrics {
	m := &Metrics{
		figures: prometheus.NewRegistry(),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "yett_reloads_total",
			Help: "Reloads of the configuration by result."}, []string{"result"}),
		well: prometheus.NewGauge(prometheus.GaugeOpts{Name: "yett_reload_last_successful",
			Help: "1 where the running configuration is the latest that was asked for, 0 where that one was refused."}),
		loaded: prometheus.NewGauge(prometheus.GaugeOpts{Name: "yett_configuration_loaded_timestamp_seconds",
			Help: "When the running configuration began to serve."}),
		configuration: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "yett_configuration_info",
			Help: "1 with the id of the running configuration."}, []string{"id"}),
	}
	for _, result := range []string{"done", "refused"} {
		m.reloads.WithLabelValues(result)
	}
	m.figures.MustRegister(m.reloads, m.well, m.loaded, m.configuration, firing{alerts},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "yett_generations",
			Help: "Configurations with exchanges in flight, the running one included."}, func() float64 { return float64(generations()) }),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Running says which configuration serves from now on.
func (m *Metrics) Running(id string, at time.Time) {
	m.configuration.Reset()
	m.configuration.WithLabelValues(id).Set(1)
	m.loaded.Set(float64(at.UnixMilli()) / 1e3)
	m.well.Set(1)
}

// Reloaded counts a reload that was done, or refused.
func (m *Metrics) Reloaded(done bool) {
	if done {
		m.reloads.WithLabelValues("done").Inc()
		return
	}
	m.reloads.WithLabelValues("refused").Inc()
	m.well.Set(0)
}

// Handler serves the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.figures, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
}

// firing shows the alerts that hold.
type firing struct{ alerts *alert.Board }

var alertDesc = prometheus.NewDesc("yett_alert", "1 for each alert that holds.", []string{"alert", "about"}, nil)

// Describe names the metric.
func (f firing) Describe(ch chan<- *prometheus.Desc) { ch <- alertDesc }

// Collect sends a 1 for each alert.
func (f firing) Collect(ch chan<- prometheus.Metric) {
	for _, a := range f.alerts.All() {
		if a.Over.IsZero() {
			ch <- prometheus.MustNewConstMetric(alertDesc, prometheus.GaugeValue, 1, a.Name, a.About)
		}
	}
}
