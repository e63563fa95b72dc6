package main

// Everyday programs: maps that goroutines share, and sorting side by side.

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	keys     = 1000
	sharedBy = 100
)

func lcg(state uint64) uint64 {
	return state*6364136223846793005 + 1442695040888963407
}

// key returns the next key. It drops the low bits of lcg, which repeat too soon.
func key(state *uint64) uint64 {
	*state = lcg(*state)
	return *state >> 33
}

func mapMutex(n int64) time.Duration {
	each := n / sharedBy
	counts := map[uint64]uint64{}
	var mu sync.Mutex
	var all sync.WaitGroup
	t := time.Now()
	for k := range uint64(sharedBy) {
		all.Add(1)
		go func() {
			defer all.Done()
			state := k
			for range each {
				key := key(&state) % keys
				mu.Lock()
				counts[key]++
				mu.Unlock()
			}
		}()
	}
	all.Wait()
	d := time.Since(t)
	check(sum(counts) == uint64(each*sharedBy), "%d", sum(counts))
	return d
}

func mapRWLock(n int64) time.Duration {
	each := n / sharedBy
	counts := map[uint64]uint64{}
	var mu sync.RWMutex
	var writes, seen atomic.Uint64
	var all sync.WaitGroup
	t := time.Now()
	for k := range uint64(sharedBy) {
		all.Add(1)
		go func() {
			defer all.Done()
			state := k
			own, saw := uint64(0), uint64(0)
			for i := range each {
				key := key(&state) % keys
				if i%20 == 0 {
					mu.Lock()
					counts[key]++
					mu.Unlock()
					own++
				} else {
					mu.RLock()
					saw += counts[key]
					mu.RUnlock()
				}
			}
			writes.Add(own)
			seen.Add(saw)
		}()
	}
	all.Wait()
	d := time.Since(t)
	check(sum(counts) == writes.Load(), "%d", sum(counts))
	return d
}

func mapSharded(n int64) time.Duration {
	const (
		shards  = 16
		clients = 64
	)
	type request struct {
		key    uint64
		answer chan uint64
	}
	each := n / clients
	t := time.Now()
	var asked [shards]chan request
	var total atomic.Uint64
	var ended, all sync.WaitGroup
	for i := range asked {
		asked[i] = make(chan request, 32)
		ended.Add(1)
		go func() {
			defer ended.Done()
			counts := map[uint64]uint64{}
			for q := range asked[i] {
				counts[q.key%64]++
				q.answer <- counts[q.key%64]
			}
			total.Add(sum(counts))
		}()
	}
	for k := range uint64(clients) {
		all.Add(1)
		go func() {
			defer all.Done()
			answer := make(chan uint64, 1)
			state := k
			for range each {
				key := key(&state)
				asked[key%shards] <- request{key, answer}
				<-answer
			}
		}()
	}
	all.Wait()
	for _, c := range asked {
		close(c)
	}
	ended.Wait()
	d := time.Since(t)
	check(total.Load() == uint64(each*clients), "%d", total.Load())
	return d
}

func sum(counts map[uint64]uint64) uint64 {
	all := uint64(0)
	for _, n := range counts {
		all += n
	}
	return all
}

func insertionSort(part []uint64) {
	for i := 1; i < len(part); i++ {
		v, at := part[i], i
		for at > 0 && part[at-1] > v {
			part[at] = part[at-1]
			at--
		}
		part[at] = v
	}
}

func merge(left, right []uint64) []uint64 {
	merged := make([]uint64, 0, len(left)+len(right))
	i, j := 0, 0
	for i < len(left) && j < len(right) {
		if left[i] <= right[j] {
			merged = append(merged, left[i])
			i++
		} else {
			merged = append(merged, right[j])
			j++
		}
	}
	merged = append(merged, left[i:]...)
	return append(merged, right[j:]...)
}

func sortAll(all []uint64) {
	if len(all) < 500 {
		insertionSort(all)
		return
	}
	left, right := all[:len(all)/2], all[len(all)/2:]
	done := make(chan struct{})
	go func() {
		sortAll(left)
		close(done)
	}()
	sortAll(right)
	<-done
	copy(all, merge(left, right))
}

func mergeSort(n int64) time.Duration {
	state := uint64(7)
	all := make([]uint64, n)
	for i := range all {
		state = lcg(state)
		all[i] = state
	}
	t := time.Now()
	sortAll(all)
	d := time.Since(t)
	check(slices.IsSorted(all), "")
	return d
}
