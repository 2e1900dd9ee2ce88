# cp313-cpu-notorch-debian13. Made by torchsolve from pylock.toml.
#   docker buildx bake
#   docker buildx bake --set 'image.secrets=id=ca,src=/etc/ssl/certs/ca-certificates.crt'

variable "TAG" {
  default = "torchsolve:cp313-cpu-notorch-debian13"
}

variable "BASE_IMAGE" {
  default = "debian:trixie-slim"
}

group "default" {
  targets = ["image"]
}

target "image" {
  context    = "."
  dockerfile = "Dockerfile"
  platforms  = ["linux/amd64"]
  tags       = [TAG]
  args = {
    BASE_IMAGE = BASE_IMAGE
  }
}
