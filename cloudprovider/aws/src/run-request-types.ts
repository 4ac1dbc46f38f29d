/** One device of a server, by EC2's own names. */
export interface BlockDeviceMapping {
  readonly DeviceName: string
  readonly NoDevice?: string
  readonly VirtualName?: string
  readonly Ebs?: {
    readonly VolumeSize: number
    readonly VolumeType: 'gp2' | 'gp3' | 'io1' | 'io2' | 'st1' | 'sc1' | 'standard'
    readonly DeleteOnTermination: boolean
    readonly Encrypted?: boolean
    readonly Iops?: number
    readonly Throughput?: number
    readonly KmsKeyId?: string
    readonly SnapshotId?: string
  }
}

/** One network interface of a server, by EC2's own names. */
export interface NetworkInterfaceSpecification {
  readonly DeviceIndex: number
  readonly SubnetId: string
  readonly Groups: string[]
  readonly DeleteOnTermination: boolean
  readonly AssociatePublicIpAddress?: boolean
  readonly Description?: string
  readonly Ipv6AddressCount?: number
  readonly PrimaryIpv6?: boolean
  readonly Ipv6PrefixCount?: number
  readonly InterfaceType?: string
  readonly NetworkCardIndex?: number
}

/** How and where a server runs, by EC2's own names. */
export interface LaunchOptions {
  readonly InstanceMarketOptions?: {
    readonly MarketType: 'spot' | 'capacity-block' | 'interruptible-capacity-reservation'
    readonly SpotOptions?: { readonly MaxPrice: string }
  }
  readonly CapacityReservationSpecification?: {
    readonly CapacityReservationPreference?: 'open' | 'none' | 'capacity-reservations-only'
    readonly CapacityReservationTarget?: {
      readonly CapacityReservationId?: string
      readonly CapacityReservationResourceGroupArn?: string
    }
  }
  readonly MetadataOptions?: MetadataOptions
  readonly CpuOptions?: {
    readonly CoreCount?: number
    readonly ThreadsPerCore?: number
    readonly AmdSevSnp?: 'enabled' | 'disabled'
  }
  readonly Placement?: {
    readonly GroupId?: string
    readonly Tenancy?: 'default' | 'dedicated' | 'host'
    readonly HostId?: string
    readonly PartitionNumber?: number
    readonly Affinity?: string
  }
}

/** How a server reads its metadata, by EC2's own names. */
export interface MetadataOptions {
  readonly HttpEndpoint?: 'enabled' | 'disabled'
  readonly HttpPutResponseHopLimit?: number
  readonly HttpTokens?: 'required' | 'optional'
  readonly HttpProtocolIpv6?: 'enabled' | 'disabled'
}

/** Tags for what is made along with a server, by EC2's own names. */
export interface TagSpecification {
  readonly ResourceType: 'instance' | 'volume' | 'network-interface'
  readonly Tags: { Key: string; Value: string }[]
}

/** One server to be made, by EC2's own names. `UserData` is base64. */
export interface RunRequest extends LaunchOptions {
  readonly ClientToken: string
  readonly ImageId: string
  readonly InstanceType: string
  readonly UserData: string
  readonly KeyName?: string
  readonly EbsOptimized?: boolean
  readonly Monitoring?: { readonly Enabled: boolean }
  readonly IamInstanceProfile: { readonly Arn?: string; readonly Name?: string }
  readonly BlockDeviceMappings: BlockDeviceMapping[]
  readonly NetworkInterfaces: NetworkInterfaceSpecification[]
  readonly TagSpecifications: TagSpecification[]
}
