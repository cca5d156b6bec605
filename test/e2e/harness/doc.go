// SPDX-License-Identifier: Apache-2.0

// Package harness runs a real Kubernetes control plane as plain processes on loopback, with Phalanx beside it.
//
// Reading order:
//
//	process.go       child processes: log files, stop by pid, nothing left behind when the test dies
//	pki.go           certificates and kubeconfigs
//	controlplane.go  etcd, kube-apiserver, kube-controller-manager, kwok; start, stop, kill and start again
//	scheduler.go     kube-scheduler, with the shipped configuration; its log, searched for extender errors
//	phalanx.go       Phalanx under its own ServiceAccount; its tokens and its HTTP API
//	jobset.go        the real JobSet controller, with its webhooks
//	audit.go         what Phalanx asked of the API server, out of the audit log
//	objects.go       nodes, pods and groups as tests describe them
//	poll.go          waiting
//	proxy.go         a proxy before Phalanx or before the API server, for tests that break things
//	exchange.go      … one request through it, and its answer
//	trap.go          … the moments at which something is killed
//	observer.go      a watch on every pod that checks the invariants at every event
//
// Nothing here is a stand-in for a component under test. Only kubelets are simulated, by kwok: it keeps nodes
// ready and moves bound pods to Running.
package harness
