// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Times of one thing, as they were measured.
type times struct {
	sync.Mutex
	name  string
	taken []time.Duration
	lost  int // not answered in time; they count as longer than all others
}

func (t *times) add(d time.Duration) {
	t.Lock()
	t.taken = append(t.taken, d)
	t.Unlock()
}

func (t *times) miss() {
	t.Lock()
	t.lost++
	t.Unlock()
}

// at gives the time that the share of them did not exceed; negative when that one was lost.
func (t *times) at(share float64) time.Duration {
	slices.Sort(t.taken)
	rank := int(math.Ceil(share*float64(len(t.taken)+t.lost))) - 1
	if rank >= len(t.taken) || rank < 0 {
		return -1
	}
	return t.taken[rank]
}

func milliseconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.2f", float64(d)/1e6)
}

// noise measures how late a pause of a millisecond ends on this machine, until stop is closed: what other programs
// add to everything measured here.
func noise(into *times, stop <-chan struct{}) {
	const pause = time.Millisecond
	for {
		select {
		case <-stop:
			return
		default:
			begin := time.Now()
			time.Sleep(pause)
			into.add(time.Since(begin) - pause)
		}
	}
}

func (t *times) print() {
	t.Lock()
	defer t.Unlock()
	most := t.at(1)
	fmt.Printf("  %-58s %7d  %9s %9s %9s\n", t.name, len(t.taken)+t.lost, milliseconds(t.at(0.5)), milliseconds(t.at(0.99)), milliseconds(most))
}

// A Prometheus histogram: how many were not above each bound.
type histogram struct {
	bounds []float64
	counts []float64
}

// scrape reads one histogram of Phalanx's metrics and all plain samples, if it is answered in time.
func scrape(address, name string, patience time.Duration) (h histogram, samples map[string]float64, err error) {
	response, err := (&http.Client{Timeout: patience}).Get(address + "/metrics")
	if err != nil {
		return h, nil, err
	}
	defer response.Body.Close()
	samples = map[string]float64{}
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		key, text, found := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(text, 64)
		if !found || err != nil || strings.HasPrefix(key, "#") {
			continue
		}
		samples[key] = value
		if bound, found := strings.CutPrefix(key, name+`_bucket{le="`); found {
			limit, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64)
			if err != nil { // +Inf
				limit = math.Inf(1)
			}
			h.bounds = append(h.bounds, limit)
			h.counts = append(h.counts, value)
		}
	}
	return h, samples, lines.Err()
}

// since is what came between two scrapes.
func (h histogram) since(before histogram) histogram {
	difference := histogram{bounds: h.bounds, counts: slices.Clone(h.counts)}
	for i := range before.counts {
		difference.counts[i] -= before.counts[i]
	}
	return difference
}

func (h histogram) count() float64 { return h.counts[len(h.counts)-1] }

// below is the bound that the share did not exceed, in milliseconds.
func (h histogram) below(share float64) float64 {
	for i, count := range h.counts {
		if count >= share*h.count() {
			return h.bounds[i] * 1000
		}
	}
	return math.Inf(1)
}

// within is how many were not above so many milliseconds, which must be a bound.
func (h histogram) within(limit float64) float64 {
	within := 0.0
	for i, bound := range h.bounds {
		if bound*1000 <= limit*1.0001 {
			within = h.counts[i]
		}
	}
	return within
}

func (h histogram) print(name string) {
	fmt.Printf("  %-58s %7.0f  %8s %9s %9s\n", name, h.count(), atMost(h.below(0.5)), atMost(h.below(0.99)), atMost(h.below(1)))
	for _, limit := range []float64{1, 2, 5, 20} {
		fmt.Printf("  %-58s %7.0f\n", fmt.Sprintf("… of which above %g ms", limit), h.count()-h.within(limit))
	}
}

func atMost(bound float64) string {
	if math.IsInf(bound, 1) {
		return "longer"
	}
	return fmt.Sprintf("≤ %g", bound)
}
