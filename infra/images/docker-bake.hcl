# Both images of a release, for both architectures, with labels, bill of materials and provenance. From the repository's root:
#
#   base=node:24.21.0-bookworm-slim
#   NODE_IMAGE=$base@$(docker buildx imagetools inspect $base --format '{{.Manifest.Digest}}') \
#   REGISTRY=images.example/realchat VERSION=0.1.0 REVISION=$(git rev-parse HEAD) CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ) \
#     docker buildx bake -f infra/images/docker-bake.hcl --push

variable "NODE_IMAGE" {
  # By digest: under a tag the base may be another one tomorrow.
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", NODE_IMAGE))
    error_message = "NODE_IMAGE has no digest: give name:tag@sha256:… as above."
  }
}
variable "REGISTRY" {}
variable "VERSION" {}
variable "REVISION" {}
variable "CREATED" {}

group "default" {
  targets = ["presence", "delivery"]
}

# https://github.com/opencontainers/image-spec/blob/main/annotations.md
function "labels" {
  params = [title, description]
  result = {
    "org.opencontainers.image.title"       = title
    "org.opencontainers.image.description" = description
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.created"     = CREATED
    "org.opencontainers.image.base.name"   = split("@", NODE_IMAGE)[0]
    "org.opencontainers.image.base.digest" = split("@", NODE_IMAGE)[1]
  }
}

target "service" {
  context    = "."
  dockerfile = "infra/local/Dockerfile"
  platforms  = ["linux/amd64", "linux/arm64"]
  args       = { NODE_IMAGE = NODE_IMAGE, REVISION = REVISION }
  attest     = ["type=sbom", "type=provenance,mode=max"]
}

target "presence" {
  inherits = ["service"]
  target   = "presence"
  tags     = ["${REGISTRY}/presence:${VERSION}"]
  labels   = labels("RealChat Presence", "Who is online, on which devices, right now.")
}

target "delivery" {
  inherits = ["service"]
  target   = "delivery"
  tags     = ["${REGISTRY}/delivery:${VERSION}"]
  labels   = labels("RealChat Delivery", "Sockets in, dots out.")
}
