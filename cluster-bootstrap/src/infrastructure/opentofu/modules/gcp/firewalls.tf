resource "google_compute_firewall" "internal" {
  name          = "${var.name}-allow-internal"
  network       = local.network
  source_ranges = compact([var.nodes_cidr, var.pods_cidr, var.internal_cidr])
  target_tags   = [var.name]

  allow {
    protocol = "icmp"
  }

  allow {
    protocol = "ipip"
  }

  allow {
    protocol = "tcp"
    ports    = ["1-65535"]
  }

  allow {
    protocol = "udp"
    ports    = ["1-65535"]
  }
}

resource "google_compute_firewall" "external" {
  name          = "${var.name}-allow-external"
  network       = local.network
  source_ranges = ["0.0.0.0/0"]
  target_tags   = [var.name]

  allow {
    protocol = "tcp"
    ports    = ["80", "443"]
  }
}

# The ranges from which the cloud's load balancers ask whether a target is well.
resource "google_compute_firewall" "health_checks" {
  name          = "${var.name}-allow-health"
  network       = local.network
  source_ranges = ["35.191.0.0/16", "130.211.0.0/22", "209.85.152.0/22", "209.85.204.0/22"]
  target_tags   = [var.name]

  allow {
    protocol = "tcp"
    ports    = ["30000-32767"]
  }

  allow {
    protocol = "udp"
    ports    = ["30000-32767"]
  }
}
