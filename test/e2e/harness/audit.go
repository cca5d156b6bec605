// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"encoding/json"
	"os"
	"time"
)

// PhalanxUser is the name of Phalanx's ServiceAccount as a user.
const PhalanxUser = "system:serviceaccount:" + Namespace + ":phalanx"

// auditPolicy keeps every request of Phalanx's account, and nobody else's.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["` + PhalanxUser + `"]
- level: None
`

// Access is one kind of request, as RBAC distinguishes them. For a request that is not about a resource only Verb
// and Path are set.
type Access struct {
	Verb, Group, Resource, Path string
}

func (a Access) String() string {
	if a.Path != "" {
		return a.Verb + " " + a.Path
	}
	if a.Group == "" {
		return a.Verb + " " + a.Resource
	}
	return a.Verb + " " + a.Resource + "." + a.Group
}

// Audit is what Phalanx has asked of the API server so far.
type Audit struct {
	Count     map[Access]int
	Forbidden map[Access]time.Time // when it was refused last
}

type auditEvent struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	ObjectRef  *struct {
		Resource    string `json:"resource"`
		APIGroup    string `json:"apiGroup"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	Stage       string            `json:"stage"`
	Received    time.Time         `json:"requestReceivedTimestamp"`
	Annotations map[string]string `json:"annotations"`
}

// ReadAudit reads the audit log. A watch is counted when it begins and again when it ends.
func (cp *ControlPlane) ReadAudit() (*Audit, error) {
	file, err := os.Open(cp.file("audit.log"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	audit := &Audit{Count: map[Access]int{}, Forbidden: map[Access]time.Time{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event auditEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			continue // the last line of an API server that was killed
		}
		access := Access{Verb: event.Verb, Path: event.RequestURI}
		if o := event.ObjectRef; o != nil {
			access = Access{Verb: event.Verb, Group: o.APIGroup, Resource: o.Resource}
			if o.Subresource != "" {
				access.Resource += "/" + o.Subresource
			}
		}
		audit.Count[access]++
		if event.Annotations["authorization.k8s.io/decision"] == "forbid" {
			audit.Forbidden[access] = event.Received
		}
	}
	return audit, lines.Err()
}
