// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// spawn starts a command on one thread that lives as long as this process. The kernel delivers a child's
// parent-death signal when the thread that forked it ends, not when the process does.
var spawn = func() func(*exec.Cmd) error {
	type request struct {
		cmd   *exec.Cmd
		reply chan error
	}
	requests := make(chan request)
	go func() {
		runtime.LockOSThread()
		for r := range requests {
			r.reply <- r.cmd.Start()
		}
	}()
	return func(cmd *exec.Cmd) error {
		r := request{cmd, make(chan error, 1)}
		requests <- r
		return <-r.reply
	}
}()

const restartDelay = time.Second

// Process is one child process. Its standard output and error are appended to LogPath, across restarts.
type Process struct {
	Name    string
	LogPath string

	argv []string
	env  []string // more than this process has
	keep bool     // start again when it exits by itself, as a kubelet would

	mu       sync.Mutex
	cmd      *exec.Cmd
	exited   chan struct{} // closed when cmd has been reaped
	stopping bool
	crashes  []string
}

// StartProcess starts argv with its log in dir/name.log. With keep it is started again whenever it exits unasked.
func StartProcess(dir, name string, keep bool, argv ...string) (*Process, error) {
	return StartProcessWith(dir, name, keep, nil, argv...)
}

// StartProcessWith is StartProcess with more variables in the environment.
func StartProcessWith(dir, name string, keep bool, env []string, argv ...string) (*Process, error) {
	p := &Process{Name: name, LogPath: filepath.Join(dir, name+".log"), argv: argv, env: env, keep: keep}
	return p, p.Start()
}

// Start runs the process again after Stop or Kill, with the same arguments.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = false
	return p.start()
}

func (p *Process) start() error {
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := spawn(cmd); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go p.reap(cmd, exited)
	return nil
}

// reap waits for the end of one run, and begins the next one where that is wanted.
func (p *Process) reap(cmd *exec.Cmd, exited chan<- struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	close(exited)
	unasked := !p.stopping
	if unasked {
		p.crashes = append(p.crashes, fmt.Sprintf("%s exited unasked: %s", p.Name, exitText(err)))
	}
	p.mu.Unlock()
	if !unasked || !p.keep {
		return
	}
	time.Sleep(restartDelay)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping || p.cmd != cmd {
		return
	}
	if err := p.start(); err != nil {
		p.crashes = append(p.crashes, err.Error())
	}
}

func exitText(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// Stop asks the process to end with SIGTERM, waits up to grace, and then kills it. It returns the exit code, -1 when
// it had to be killed.
func (p *Process) Stop(grace time.Duration) int {
	cmd, exited := p.end(syscall.SIGTERM)
	if cmd == nil {
		return 0
	}
	select {
	case <-exited:
		return cmd.ProcessState.ExitCode()
	case <-time.After(grace):
		p.Kill()
		return -1
	}
}

// Kill ends the process group with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	if cmd, exited := p.end(syscall.SIGKILL); cmd != nil {
		<-exited
	}
}

func (p *Process) end(signal syscall.Signal) (*exec.Cmd, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil, nil
	}
	p.stopping = true
	select {
	case <-p.exited: // reaped: the pid may be somebody else's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGCONT)
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
	}
	return p.cmd, p.exited
}

// Freeze stops the process from running (SIGSTOP) until Thaw.
func (p *Process) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw lets a frozen process run again.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return syscall.Kill(-p.cmd.Process.Pid, signal)
}

// Crashes lists the exits nobody asked for.
func (p *Process) Crashes() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.crashes...)
}

// Running tells whether the process has not exited.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// LogSize is the present length of the log, for use with LogSince.
func (p *Process) LogSize() int64 {
	info, err := os.Stat(p.LogPath)
	if err != nil {
		return 0
	}
	return info.Size()
}

// LogSince returns what was logged after offset.
func (p *Process) LogSince(offset int64) []byte {
	data, err := os.ReadFile(p.LogPath)
	if err != nil || int64(len(data)) < offset {
		return nil
	}
	return data[offset:]
}

// LogTail returns the last lines of the log, for a failure message.
func (p *Process) LogTail(lines int) string {
	data := bytes.TrimRight(p.LogSince(0), "\n")
	at := len(data)
	for ; lines > 0 && at >= 0; lines-- {
		at = bytes.LastIndexByte(data[:at], '\n')
	}
	return fmt.Sprintf("--- end of %s\n%s", p.LogPath, data[at+1:])
}

// Pid is the number of the process, while it runs.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
